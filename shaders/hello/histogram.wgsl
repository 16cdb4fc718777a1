// counts[b] = how many x fall into bin b of [low, low + bins / scale]. Reads x, adds to counts. One invocation = one value.
#import lib/grid

struct Params { first_group: u32, groups: u32, n: u32, bins: u32, low: f32, scale: f32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> counts: array<atomic<u32>>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let i = group * 64u + lane;
  if (i >= p.n) { return; }
  // The largest value belongs to the last bin, not to one past it. Integer adds give the same sum in any order.
  let bin = min(u32(max((x[i] - p.low) * p.scale, 0.0)), p.bins - 1u);
  atomicAdd(&counts[bin], 1u);
}
