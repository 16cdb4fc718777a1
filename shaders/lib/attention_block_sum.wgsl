// Sums of weights over a workgroup that is one block of query rows. Needs const LANES and lib/attention_scores.
var<workgroup> block_parts: array<f32, 2u * LANES>;

/// Sum over the workgroup. All lanes must call it; only lane 0 gets the sum. `turn` counts the calls: two halves take
/// turns, so that one barrier is enough (no lane can be more than one call ahead of the slowest).
fn block_sum(value: f32, lane: u32, turn: u32) -> f32 {
  let half = (turn & 1u) * LANES;
  block_parts[half + lane] = value;
  workgroupBarrier();
  var sum = 0.0;
  if (lane == 0u) {
    for (var i = 0u; i < LANES; i++) { sum += block_parts[half + i]; }
  }
  return sum;
}

/// 1 for rows that exist, 0 for the repeats of the last row that fill up a workgroup.
fn real_rows() -> vec4f {
  return select(vec4f(), vec4f(1.0), vec4u(row_first) + vec4u(0u, 1u, 2u, 3u) < vec4u(p.lq));
}
