// c = act(scale·op(a)·op(b) + bias) + residual, 8 x 8 results in registers, no workgroup memory, no barrier.
// Reads a, b, bias, residual, writes c. One invocation = one 8 x 8 tile. A block product is b·a because a
// WGSL matrix is written by columns and ours hold rows.
#import lib/matmul
override LANES: u32 = 32u;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let across = (p.n + 7u) / 8u;
  let down = (p.m + 7u) / 8u;
  let tile = group * LANES + lane;
  if (group >= p.groups || tile >= across * down * batch_count()) { return; }
  let index = tile / (across * down);
  let row = tile / across % down * 8u;
  let col = tile % across * 8u;
  let base = base_at(index);
  let rows0 = rows_at(base, row);
  let rows1 = rows_at(base, row + 4u);
  let cols0 = cols_at(col);
  let cols1 = cols_at(col + 4u);
  var c00 = mat4x4f(); var c01 = mat4x4f();
  var c10 = mat4x4f(); var c11 = mat4x4f();
  let end = inner_end(base);
  for (var k = 0u; k < end; k++) {
    let inner = inner_at(base, k);
    let b0 = load_b(base, inner, cols0);
    let b1 = load_b(base, inner, cols1);
    let a0 = load_a(base, rows0, inner);
    count_row(0u, a0, col);
    c00 += b0 * a0; c01 += b1 * a0;
    let a1 = load_a(base, rows1, inner);
    count_row(1u, a1, col);
    c10 += b0 * a1; c11 += b1 * a1;
  }
  for (var i = 0u; i < 2u; i++) { store_counts(index, row + 4u * i, i, col); }
  // One loop keeps one copy of the epilogue in the program; written out, it took drivers seconds to compile.
  var blocks = array<mat4x4f, 4>(c00, c01, c10, c11);
  for (var i = 0u; i < 16u; i++) {
    let block = i / 4u;
    store_row(index, row + block / 2u * 4u + i % 4u, col + block % 2u * 4u, blocks[block][i % 4u]);
  }
}
