// c = act(scale·op(a)·op(b) + bias) + residual, 16 x 16 results in registers, no workgroup memory, no barrier.
// Reads a, b, bias, residual, writes c. One invocation = one 16 x 16 tile. A block product is b·a because a
// WGSL matrix is written by columns and ours hold rows.
#import lib/matmul
override LANES: u32 = 16u;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let across = (p.n + 15u) / 16u;
  let down = (p.m + 15u) / 16u;
  let tile = group * LANES + lane;
  if (group >= p.groups || tile >= across * down * batch_count()) { return; }
  let index = tile / (across * down);
  let row = tile / across % down * 16u;
  let col = tile % across * 16u;
  let base = base_at(index);
  let rows0 = rows_at(base, row);
  let rows1 = rows_at(base, row + 4u);
  let rows2 = rows_at(base, row + 8u);
  let rows3 = rows_at(base, row + 12u);
  let cols0 = cols_at(col);
  let cols1 = cols_at(col + 4u);
  let cols2 = cols_at(col + 8u);
  let cols3 = cols_at(col + 12u);
  var c00 = mat4x4f(); var c01 = mat4x4f(); var c02 = mat4x4f(); var c03 = mat4x4f();
  var c10 = mat4x4f(); var c11 = mat4x4f(); var c12 = mat4x4f(); var c13 = mat4x4f();
  var c20 = mat4x4f(); var c21 = mat4x4f(); var c22 = mat4x4f(); var c23 = mat4x4f();
  var c30 = mat4x4f(); var c31 = mat4x4f(); var c32 = mat4x4f(); var c33 = mat4x4f();
  let end = inner_end(base);
  for (var k = 0u; k < end; k++) {
    let inner = inner_at(base, k);
    let b0 = load_b(base, inner, cols0);
    let b1 = load_b(base, inner, cols1);
    let b2 = load_b(base, inner, cols2);
    let b3 = load_b(base, inner, cols3);
    let a0 = load_a(base, rows0, inner);
    count_row(0u, a0, col);
    c00 += b0 * a0; c01 += b1 * a0; c02 += b2 * a0; c03 += b3 * a0;
    let a1 = load_a(base, rows1, inner);
    count_row(1u, a1, col);
    c10 += b0 * a1; c11 += b1 * a1; c12 += b2 * a1; c13 += b3 * a1;
    let a2 = load_a(base, rows2, inner);
    count_row(2u, a2, col);
    c20 += b0 * a2; c21 += b1 * a2; c22 += b2 * a2; c23 += b3 * a2;
    let a3 = load_a(base, rows3, inner);
    count_row(3u, a3, col);
    c30 += b0 * a3; c31 += b1 * a3; c32 += b2 * a3; c33 += b3 * a3;
  }
  for (var i = 0u; i < 4u; i++) { store_counts(index, row + 4u * i, i, col); }
  // One loop keeps one copy of the epilogue in the program; written out, it took drivers seconds to compile.
  var blocks = array<mat4x4f, 16>(c00, c01, c02, c03, c10, c11, c12, c13, c20, c21, c22, c23, c30, c31, c32, c33);
  for (var i = 0u; i < 64u; i++) {
    let block = i / 4u;
    store_row(index, row + block / 4u * 4u + i % 4u, col + block % 4u * 4u, blocks[block][i % 4u]);
  }
}
