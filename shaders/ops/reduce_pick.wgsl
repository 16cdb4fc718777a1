// dx[c] = dy[k] where the coordinate c is at the place that at[k] names among the reduced axes, else 0. For each axis of
// `shape` (row-major, at most 8), `src` is its step in dy and `dst` its step in that place; one of them is 0.
// Reads dy, at, writes dx. One invocation = one value.
#import lib/grid
alias T = f32;
override LANES: u32 = 64u;

struct Params {
  shape: array<vec4u, 2>,
  src: array<vec4u, 2>,
  dst: array<vec4u, 2>,
  first_group: u32,
  groups: u32,
  count: u32,
  rank: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<T>;
@group(0) @binding(1) var<storage, read> at: array<u32>;
@group(0) @binding(2) var<storage, read_write> dx: array<T>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let i = group * LANES + lane;
  if (group >= p.groups || i >= p.count) { return; }
  var rest = i;
  var k = 0u;
  var place = 0u;
  for (var left = p.rank; left > 0u; left--) {
    let axis = left - 1u;
    let n = p.shape[axis / 4u][axis % 4u];
    k += rest % n * p.src[axis / 4u][axis % 4u];
    place += rest % n * p.dst[axis / 4u][axis % 4u];
    rest /= n;
  }
  dx[i] = select(T(0.0), dy[k], at[k] == place);
}
