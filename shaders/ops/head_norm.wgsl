// RMS norm of the query and key heads of packed rows [q heads | k heads | v heads]; values are copied. stats holds 1/rms.
// Reads x [tokens · slots, D], q_gain, k_gain [D]; writes y, stats. One workgroup = one head of a token, or LANES of them.
#import lib/grid
#import lib/rows

struct Params { first_group: u32, groups: u32, rows: u32, n: u32, heads: u32, normed: u32, slots: u32, eps: f32 }

@group(0) @binding(0) var<storage, read> x: array<E>;
@group(0) @binding(1) var<storage, read> q_gain: array<E>;
@group(0) @binding(2) var<storage, read> k_gain: array<E>;
@group(0) @binding(3) var<storage, read_write> y: array<E>;
@group(0) @binding(4) var<storage, read_write> stats: array<f32>;
@group(0) @binding(5) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let row = row_at(group, lane);
  let start = row * p.n;
  let n = select(0u, p.n, row < p.rows);
  let slot = row % p.slots;
  var squares = V(0.0);
  for (var i = row_first(lane); i < n; i += row_step()) {
    let v = V(x[start + i]);
    squares += v * v;
  }
  let scale = inverseSqrt(row_sum(sum_of(squares), lane) / f32(p.n * WIDTH) + p.eps);
  for (var i = row_first(lane); i < n; i += row_step()) {
    var value = V(x[start + i]);
    if (slot < p.heads) { value *= scale * V(q_gain[i]); } else if (slot < p.normed) { value *= scale * V(k_gain[i]); }
    y[start + i] = E(value);
  }
  if (n > 0u && row_first(lane) == 0u) { stats[row] = scale; }
}
