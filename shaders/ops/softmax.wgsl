// y[r, :] = exp(x[r, :] - max) / sum, over rows of n values. Reads x, writes y. One workgroup = one row.
#import lib/grid
#import lib/reduce
alias T = f32;

struct Params { first_group: u32, groups: u32, n: u32 }

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<T>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = p.first_group + flat_group(wid, nwg);
  if (row >= p.groups) { return; }
  let start = row * p.n;
  // Starts at the lowest finite value: WGSL may assume that infinities never occur.
  var top = -3.4e38;
  for (var i = lane; i < p.n; i += LANES) { top = max(top, f32(x[start + i])); }
  top = workgroup_max(top, lane);
  var sum = 0.0;
  for (var i = lane; i < p.n; i += LANES) { sum += exp(f32(x[start + i]) - top); }
  sum = workgroup_sum(sum, lane);
  let scale = 1.0 / sum;
  for (var i = lane; i < p.n; i += LANES) { y[start + i] = T(exp(f32(x[start + i]) - top) * scale); }
}
