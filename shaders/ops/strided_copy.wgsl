// y[dst_base + Σ cᵢ·dst[i]] = x[src_base + Σ cᵢ·src[i]] for every coordinate c of `shape` (row-major, at most 8 axes).
// Reads x, writes part of y; strides and bases count elements of T. One invocation = one element.
#import lib/grid
alias T = u32;
override LANES: u32 = 64u;

struct Params {
  shape: array<vec4u, 2>,
  src: array<vec4i, 2>,
  dst: array<vec4i, 2>,
  first_group: u32,
  groups: u32,
  count: u32,
  rank: u32,
  src_base: u32,
  dst_base: u32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<T>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let index = group * LANES + lane;
  if (group >= p.groups || index >= p.count) { return; }
  var rest = index;
  var origin = i32(p.src_base);
  var dest = i32(p.dst_base);
  for (var left = p.rank; left > 0u; left--) {
    let axis = left - 1u;
    let n = p.shape[axis / 4u][axis % 4u];
    let c = i32(rest % n);
    rest /= n;
    origin += c * p.src[axis / 4u][axis % 4u];
    dest += c * p.dst[axis / 4u][axis % 4u];
  }
  y[dest] = x[origin];
}
