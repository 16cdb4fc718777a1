// Sum, mean or maximum of the rows of each segment: y[s, j] over e in offsets[s] … offsets[s + 1], in order of e.
// With ORDER the e-th row is values[order[e]]. Empty segments give 0; the maximum also writes the position of the first
// maximal row (0xffffffff for an empty segment). Reads values, offsets, order, writes y, arg.
// One invocation = one value, LANES values of all segments together.
#import lib/grid
alias T = f32;
const MODE: u32 = 0u; // sum, mean, max
const ORDER: bool = false;
override LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, segments: u32, edges: u32, n: u32 }

@group(0) @binding(0) var<storage, read> values: array<T>;
@group(0) @binding(1) var<storage, read> offsets: array<u32>;
@group(0) @binding(2) var<storage, read> order: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<T>;
@group(0) @binding(4) var<storage, read_write> arg: array<u32>;
@group(0) @binding(5) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let i = group * LANES + lane;
  if (group >= p.groups || i >= p.segments * p.n) { return; }
  let j = i % p.n;
  let first = min(offsets[i / p.n], p.edges);
  let end = min(offsets[i / p.n + 1u], p.edges);
  var result = 0.0;
  var best = 0xffffffffu;
  for (var e = first; e < end; e++) {
    var row = e;
    if (ORDER) { row = order[e]; }
    let value = f32(values[row * p.n + j]);
    if (MODE < 2u) {
      result += value;
    } else if (best == 0xffffffffu || value > result) {
      result = value;
      best = row;
    }
  }
  if (MODE == 1u) { result /= f32(max(end, first + 1u) - first); }
  y[i] = T(result);
  if (MODE == 2u) { arg[i] = best; }
}
