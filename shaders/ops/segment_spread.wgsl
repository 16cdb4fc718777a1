// Gives each row e of segment s what its segment has: y[e, j] = x[s, j], x[s, j] / size(s), or x[s, j] where arg[s, j] = e.
// Rows outside all segments get 0. Reads x, offsets, arg, writes y. One invocation = one value.
#import lib/grid
alias T = f32;
const MODE: u32 = 0u; // sum, mean, max
override LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, segments: u32, edges: u32, n: u32 }

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> offsets: array<u32>;
@group(0) @binding(2) var<storage, read> arg: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<T>;
@group(0) @binding(4) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let i = group * LANES + lane;
  if (group >= p.groups || i >= p.edges * p.n) { return; }
  let e = i / p.n;
  // The last segment that starts at or before e; empty segments in between end before it.
  var low = 0u;
  var high = p.segments;
  while (low < high) {
    let middle = (low + high + 1u) / 2u;
    if (offsets[middle] <= e) { low = middle; } else { high = middle - 1u; }
  }
  var value = 0.0;
  if (low < p.segments && offsets[low] <= e) {
    let at = low * p.n + i % p.n;
    value = f32(x[at]);
    if (MODE == 1u) { value /= f32(max(1u, offsets[low + 1u] - offsets[low])); }
    if (MODE == 2u && arg[at] != e) { value = 0.0; }
  }
  y[i] = T(value);
}
