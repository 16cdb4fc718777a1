// Keys and values of new tokens go into the cache behind those before them. Reads qkv [T, q | k | v heads] and start,
// writes rows start … start + T - 1 of cache [capacity, k | v heads]. One invocation = four numbers.
#import lib/grid
override LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, count: u32, row: u32, skip: u32, capacity: u32 } // rows in fours

@group(0) @binding(0) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(1) var<storage, read> start: array<u32>;
@group(0) @binding(2) var<storage, read_write> cache: array<vec4f>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let i = group * LANES + lane;
  if (group >= p.groups || i >= p.count) { return; }
  let token = i / p.row;
  let at = start[0] + token;
  if (at >= p.capacity) { return; }
  cache[at * p.row + i % p.row] = qkv[token * (p.skip + p.row) + p.skip + i % p.row];
}
