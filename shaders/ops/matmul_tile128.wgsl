// c = act(scale·op(a)·op(b) + bias) + residual over 128 x 128 tiles in workgroup memory, 16 inner indices at a time.
// Reads a, b, bias, residual, writes c. One workgroup = one tile; one invocation = 8 x 8 results.
#import lib/matmul
const SIDE: u32 = 128u;
const DEPTH: u32 = 4u; // inner indices of a panel, in vec4

// Blocks of 4 x 4: [inner][row] and [inner][column].
var<workgroup> a_panel: array<array<mat4x4f, SIDE / 4u>, DEPTH>;
var<workgroup> b_panel: array<array<mat4x4f, SIDE / 4u>, DEPTH>;

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_id) lane: vec3u, @builtin(local_invocation_index) flat: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let across = (p.n + SIDE - 1u) / SIDE;
  let down = (p.m + SIDE - 1u) / SIDE;
  let index = group / (across * down);
  let row = group / across % down * SIDE;
  let col = group % across * SIDE;
  let base = base_at(index);
  let end = inner_end(base);
  // What this lane brings to the panels: one block of each, the same rows and columns at every step.
  let rows = rows_at(base, row + 4u * (flat / DEPTH));
  let cols = cols_at(col + 4u * (flat % (SIDE / 4u)));
  var c00 = mat4x4f(); var c01 = mat4x4f();
  var c10 = mat4x4f(); var c11 = mat4x4f();
  for (var first = 0u; first < end; first += DEPTH) {
    if (flat < DEPTH * SIDE / 4u) {
      var value = mat4x4f(); // past the end of the inner axis: zeros
      if (first + flat % DEPTH < end) { value = load_a(base, rows, inner_at(base, first + flat % DEPTH)); }
      a_panel[flat % DEPTH][flat / DEPTH] = value;
      let k = flat / (SIDE / 4u);
      value = mat4x4f();
      if (first + k < end) { value = load_b(base, inner_at(base, first + k), cols); }
      b_panel[k][flat % (SIDE / 4u)] = value;
    }
    workgroupBarrier();
    for (var k = 0u; k < DEPTH; k++) {
      let b0 = b_panel[k][lane.x];
      let b1 = b_panel[k][lane.x + 16u];
      let a0 = a_panel[k][lane.y];
      count_row(0u, a0, col + lane.x);
      c00 += b0 * a0; c01 += b1 * a0;
      let a1 = a_panel[k][lane.y + 16u];
      count_row(1u, a1, col + lane.x);
      c10 += b0 * a1; c11 += b1 * a1;
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < 2u; i++) { store_counts(index, row + 4u * lane.y + 64u * i, i, col + lane.x); }
  // One loop keeps one copy of the epilogue in the program; written out, it took drivers seconds to compile.
  var blocks = array<mat4x4f, 4>(c00, c01, c10, c11);
  for (var i = 0u; i < 16u; i++) {
    let block = i / 4u;
    store_row(index, row + 4u * lane.y + block / 2u * 64u + i % 4u, col + 4u * lane.x + block % 2u * 64u, blocks[block][i % 4u]);
  }
}
