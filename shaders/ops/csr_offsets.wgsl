// offsets[r] = number of sorted keys below r, by binary search, for r = 0 … rows. Reads key, writes offsets.
// One invocation = one row.
#import lib/grid
override LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, count: u32, rows: u32 }

@group(0) @binding(0) var<storage, read> key: array<u32>;
@group(0) @binding(1) var<storage, read_write> offsets: array<u32>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let row = group * LANES + lane;
  if (group >= p.groups || row > p.rows) { return; }
  var low = 0u;
  var high = p.count;
  while (low < high) {
    let middle = (low + high) / 2u;
    if (key[middle] < row) { low = middle + 1u; } else { high = middle; }
  }
  offsets[row] = low;
}
