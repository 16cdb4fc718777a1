// Exclusive prefix sums of chunks of CHUNK values, in place over y, and the total of each chunk.
// With ADD the chunk's offset is added instead. Changes y, writes (with ADD reads) total. One invocation = one chunk.
#import lib/grid
const CHUNK: u32 = 32u;
const ADD: bool = false;
override LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, count: u32 }

@group(0) @binding(0) var<storage, read_write> y: array<u32>;
@group(0) @binding(1) var<storage, read_write> total: array<u32>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let chunk = group * LANES + lane;
  if (group >= p.groups || chunk * CHUNK >= p.count) { return; }
  let end = min((chunk + 1u) * CHUNK, p.count);
  var sum = 0u;
  if (ADD) { sum = total[chunk]; }
  for (var i = chunk * CHUNK; i < end; i++) {
    let value = y[i];
    if (ADD) { y[i] = value + sum; } else { y[i] = sum; sum += value; }
  }
  if (!ADD) { total[chunk] = sum; }
}
