// dx[r, j] = exp(x[r, j] - lse[r])·(dloss[r] + dlse[r]) - dloss[r]·[j = target[r]]; where the target lies past the row,
// dloss counts as 0. Reads dloss, dlse, x, targets, lse, writes dx.
// One workgroup = one row of n values, or LANES rows; no barrier in either.
#import lib/grid
#import lib/rows

struct Params { first_group: u32, groups: u32, rows: u32, n: u32 }

@group(0) @binding(0) var<storage, read> dloss: array<f32>;
@group(0) @binding(1) var<storage, read> dlse: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<T>;
@group(0) @binding(3) var<storage, read> targets: array<u32>;
@group(0) @binding(4) var<storage, read> lse: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<T>;
@group(0) @binding(6) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let row = row_at(group, lane);
  if (row >= p.rows) { return; }
  let start = row * p.n;
  let hit = targets[row];
  let slope = select(0.0, dloss[row], hit < p.n);
  let weight = slope + dlse[row];
  let log_sum = lse[row];
  for (var j = row_first(lane); j < p.n; j += row_step()) {
    dx[start + j] = T(exp(f32(x[start + j]) - log_sum) * weight - select(0.0, slope, j == hit));
  }
}
