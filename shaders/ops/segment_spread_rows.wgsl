// As segment_spread, by segment: an invocation reads one value and writes it to all rows of its segment, without a search.
// Rows before the first segment and behind the last are written (0) by the invocations of those two.
// Reads x, offsets, arg, writes y. One invocation = one value of x.
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
  if (group >= p.groups || i >= p.segments * p.n) { return; }
  let s = i / p.n;
  let j = i % p.n;
  let first = min(offsets[s], p.edges);
  let end = min(offsets[s + 1u], p.edges);
  if (s == 0u) {
    for (var e = 0u; e < first; e++) { y[e * p.n + j] = T(0.0); }
  }
  var value = f32(x[i]);
  if (MODE == 1u) { value /= f32(max(1u, end - first)); }
  for (var e = first; e < end; e++) {
    var mine = value;
    if (MODE == 2u && arg[i] != e) { mine = 0.0; }
    y[e * p.n + j] = T(mine);
  }
  if (s + 1u == p.segments) {
    for (var e = end; e < p.edges; e++) { y[e * p.n + j] = T(0.0); }
  }
}
