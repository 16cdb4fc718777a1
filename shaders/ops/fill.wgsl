// y[i] = bits for every 32-bit word of y. Reads nothing, writes y. One invocation = one word.
#import lib/grid
override LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, count: u32, bits: u32 }

@group(0) @binding(0) var<storage, read_write> y: array<u32>;
@group(0) @binding(1) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let index = group * LANES + lane;
  if (group >= p.groups || index >= p.count) { return; }
  y[index] = p.bits;
}
