// Moves the keys and values of one radix pass to their places: start[digit · blocks + block] plus the rank in the block.
// Order within equal digits is kept. Reads key, value, start, writes key_out, value_out. One invocation = one block.
#import lib/grid
const BLOCK: u32 = 64u;
const FIRST: bool = false; // the first pass makes its own values 0, 1, 2, …
override LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, count: u32, blocks: u32, shift: u32, rows: u32 }

@group(0) @binding(0) var<storage, read> key: array<u32>;
@group(0) @binding(1) var<storage, read> value: array<u32>;
@group(0) @binding(2) var<storage, read> start: array<u32>;
@group(0) @binding(3) var<storage, read_write> key_out: array<u32>;
@group(0) @binding(4) var<storage, read_write> value_out: array<u32>;
@group(0) @binding(5) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let block = group * LANES + lane;
  if (group >= p.groups || block >= p.blocks) { return; }
  var next: array<u32, 16>;
  for (var d = 0u; d < 16u; d++) { next[d] = start[d * p.blocks + block]; }
  for (var i = block * BLOCK; i < min((block + 1u) * BLOCK, p.count); i++) {
    let k = min(key[i], p.rows);
    let d = (k >> p.shift) & 15u;
    let at = next[d];
    next[d] = at + 1u;
    key_out[at] = k;
    if (FIRST) { value_out[at] = i; } else { value_out[at] = value[i]; }
  }
}
