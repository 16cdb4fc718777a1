// One digit of a stable radix sort: how often each of 16 digit values occurs in each block of BLOCK keys.
// Keys past the last row count as `rows`. Reads key, writes histogram[digit · blocks + block]. One invocation = one block, so no atomics are needed.
#import lib/grid
const BLOCK: u32 = 64u;
override LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, count: u32, blocks: u32, shift: u32, rows: u32 }

@group(0) @binding(0) var<storage, read> key: array<u32>;
@group(0) @binding(1) var<storage, read_write> histogram: array<u32>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let block = group * LANES + lane;
  if (group >= p.groups || block >= p.blocks) { return; }
  var tally = array<u32, 16>();
  for (var i = block * BLOCK; i < min((block + 1u) * BLOCK, p.count); i++) {
    tally[(min(key[i], p.rows) >> p.shift) & 15u]++;
  }
  for (var d = 0u; d < 16u; d++) { histogram[d * p.blocks + block] = tally[d]; }
}
