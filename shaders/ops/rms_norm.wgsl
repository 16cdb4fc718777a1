// y = x·gamma/rms over rows of n elements, rms² = mean of x² + eps; stats holds 1/rms of each row.
// Reads x, gamma, writes y, stats. One workgroup = one row, or LANES rows without a barrier.
#import lib/grid
#import lib/rows

struct Params { first_group: u32, groups: u32, rows: u32, n: u32, eps: f32 }

@group(0) @binding(0) var<storage, read> x: array<E>;
@group(0) @binding(1) var<storage, read> gamma: array<E>;
@group(0) @binding(2) var<storage, read_write> y: array<E>;
@group(0) @binding(3) var<storage, read_write> stats: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let row = row_at(group, lane);
  let start = row * p.n;
  let n = select(0u, p.n, row < p.rows);
  var squares = V(0.0);
  for (var i = row_first(lane); i < n; i += row_step()) {
    let v = V(x[start + i]);
    squares += v * v;
  }
  let scale = inverseSqrt(row_sum(sum_of(squares), lane) / f32(p.n * WIDTH) + p.eps);
  for (var i = row_first(lane); i < n; i += row_step()) {
    y[start + i] = E(V(x[start + i]) * scale * V(gamma[i]));
  }
  if (n > 0u && row_first(lane) == 0u) { stats[row] = scale; }
}
