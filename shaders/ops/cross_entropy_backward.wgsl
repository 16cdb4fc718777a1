// dx[r, j] = exp(x[r, j] - lse[r])·(dloss[r] + dlse[r]) - dloss[r]·[j = target[r]]; where the target lies past the row,
// dloss counts as 0. Reads dloss, dlse, x, targets, lse, writes dx. One invocation = one value.
#import lib/grid
alias T = f32;
override LANES: u32 = 64u;

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
  let i = group * LANES + lane;
  if (group >= p.groups || i >= p.rows * p.n) { return; }
  let row = i / p.n;
  let hit = targets[row];
  let slope = select(0.0, dloss[row], hit < p.n);
  let share = exp(f32(x[i]) - lse[row]);
  dx[i] = T(share * (slope + dlse[row]) - select(0.0, slope, hit == i % p.n));
}
