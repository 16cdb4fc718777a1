// Softmax weights against a cached log-sum-exp over single key blocks, and their sums over the workgroup: what search
// and the fused pass add to lib/attention_tiled, which goes before it. Needs p.block, p.row_blocks, p.key_blocks, mass.
#import lib/attention_real_rows

/// Sum over the workgroup, for all lanes: two steps in the memory of the weights, whose readers are done by then.
fn group_sum(value: f32) -> f32 {
  workgroupBarrier();
  weights[row_at * 8u + tx].x = value;
  workgroupBarrier();
  if (tx == 0u) {
    var part = 0.0;
    for (var i = 0u; i < 8u; i++) { part += weights[row_at * 8u + i].x; }
    weights[row_at * 8u + 8u].x = part;
  }
  workgroupBarrier();
  var sum = 0.0;
  for (var row = 0u; row < ROWS; row += 4u) { sum += weights[row * 8u + 8u].x; }
  return sum;
}

/// Adds the workgroup's `sum` to the mass of a key block; the first rows of the query block start it.
fn add_mass(group: u32, row: u32, block: u32, sum: f32) {
  if (me > 0u) { return; }
  let at = group * p.key_blocks + block;
  var before = 0.0;
  if (row > 0u) { before = mass[at]; }
  mass[at] = before + sum;
}
