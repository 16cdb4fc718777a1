// dx of head_norm: s·(g - x̂·mean(g·x̂)) with s = 1/rms, x̂ = x·s, g = dy·gain for queries and keys; dy for values.
// Reads dy, x [tokens · slots, D], q_gain, k_gain [D], stats; writes dx. One workgroup = one head of a token, or LANES.
#import lib/grid
#import lib/rows

struct Params { first_group: u32, groups: u32, rows: u32, n: u32, heads: u32, normed: u32, slots: u32 }

@group(0) @binding(0) var<storage, read> dy: array<E>;
@group(0) @binding(1) var<storage, read> x: array<E>;
@group(0) @binding(2) var<storage, read> q_gain: array<E>;
@group(0) @binding(3) var<storage, read> k_gain: array<E>;
@group(0) @binding(4) var<storage, read> stats: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<E>;
@group(0) @binding(6) var<uniform> p: Params;

fn slope(at: u32, i: u32, slot: u32) -> V {
  if (slot < p.heads) { return V(dy[at]) * V(q_gain[i]); }
  return V(dy[at]) * V(k_gain[i]);
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let row = row_at(group, lane);
  let start = row * p.n;
  let n = select(0u, p.n, row < p.rows);
  let slot = row % p.slots;
  let scale = stats[min(row, p.rows - 1u)];
  var along = V(0.0);
  for (var i = row_first(lane); i < n; i += row_step()) {
    along += slope(start + i, i, slot) * (V(x[start + i]) * scale);
  }
  let mean = row_sum(sum_of(along), lane) / f32(p.n * WIDTH);
  for (var i = row_first(lane); i < n; i += row_step()) {
    var value = V(dy[start + i]);
    if (slot < p.normed) { value = scale * (slope(start + i, i, slot) - V(x[start + i]) * (scale * mean)); }
    dx[start + i] = E(value);
  }
}
