// Gradients and loss of one batch of several go on top of the sum: sums = first ? fresh : sums + fresh. Reads fresh and the
// clock, whose second word counts the batches of a step. One invocation = 4 values.
#import lib/grid
const LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, quads: u32 }

@group(0) @binding(0) var<storage, read> fresh: array<vec4f>;
@group(0) @binding(1) var<storage, read> clock: array<u32>;
@group(0) @binding(2) var<storage, read_write> sums: array<vec4f>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let i = group * LANES + lane;
  if (group >= p.groups || i >= p.quads) { return; }
  var sum = fresh[i];
  if (clock[1] > 0u) { sum += sums[i]; }
  sums[i] = sum;
}
