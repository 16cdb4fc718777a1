// c = act(scale·op(a)·op(b) + bias) + residual, 4 x 4 results in registers, no workgroup memory, no barrier.
// Reads a, b, bias, residual, writes c. One invocation = one 4 x 4 tile. A block product is b·a because a
// WGSL matrix is written by columns and ours hold rows.
#import lib/matmul
override LANES: u32 = 64u;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let across = (p.n + 3u) / 4u;
  let down = (p.m + 3u) / 4u;
  let tile = group * LANES + lane;
  if (group >= p.groups || tile >= across * down * batch_count()) { return; }
  let index = tile / (across * down);
  let row = tile / across % down * 4u;
  let col = tile % across * 4u;
  let base = base_at(index);
  let rows0 = rows_at(base, row);
  let cols0 = cols_at(col);
  var c00 = mat4x4f();
  let end = inner_end(base);
  for (var k = 0u; k < end; k++) {
    let inner = inner_at(base, k);
    let b0 = load_b(base, inner, cols0);
    let a0 = load_a(base, rows0, inner);
    count_row(0u, a0, col);
    c00 += b0 * a0;
  }
  store_counts(index, row, 0u, col);
  // One loop keeps one copy of the epilogue in the program; written out, it took drivers seconds to compile.
  var blocks = array<mat4x4f, 1>(c00);
  for (var i = 0u; i < 4u; i++) {
    let block = i / 4u;
    store_row(index, row + block / 1u * 4u + i % 4u, col + block % 1u * 4u, blocks[block][i % 4u]);
  }
}
