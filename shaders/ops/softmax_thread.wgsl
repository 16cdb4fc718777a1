// y[r, :] = exp(x[r, :] - max) / sum, over rows of n values. Reads x, writes y. One invocation = one row, no barrier.
#import lib/grid
alias T = f32;
override LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, n: u32, rows: u32 }

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<T>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let row = group * LANES + lane;
  if (group >= p.groups || row >= p.rows) { return; }
  let start = row * p.n;
  var top = -3.4e38;
  for (var i = 0u; i < p.n; i++) { top = max(top, f32(x[start + i])); }
  var sum = 0.0;
  for (var i = 0u; i < p.n; i++) { sum += exp(f32(x[start + i]) - top); }
  let scale = 1.0 / sum;
  for (var i = 0u; i < p.n; i++) { y[start + i] = T(exp(f32(x[start + i]) - top) * scale); }
}
