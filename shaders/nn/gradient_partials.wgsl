// Parts of the squared norm of all gradients, and the first chunk of 64 values that holds an infinity or NaN.
// Reads g as bits (WGSL may assume that such floats never occur), writes parts: the sum, the chunk (LARGE when none).
#import lib/grid
const LANES: u32 = 64u;
const LARGE: f32 = 3.0e38;

struct Params { chunks: u32, stride: u32 }

@group(0) @binding(0) var<storage, read> g: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> parts: array<vec2f>;
@group(0) @binding(2) var<uniform> p: Params;

var<workgroup> sums: array<vec2f, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = flat_group(wid, nwg);
  var sum = 0.0;
  var first = LARGE;
  // Sixteen quads are a chunk; the workgroups take turns.
  for (var i = group * LANES + lane; i < 16u * p.chunks; i += p.stride) {
    let bits = g[i];
    let bad = any((bits & vec4u(0x7f800000u)) == vec4u(0x7f800000u));
    let v = bitcast<vec4f>(select(bits, vec4u(), bad));
    first = min(first, select(LARGE, f32(i / 16u), bad));
    sum += dot(v, v);
  }
  sums[lane] = vec2f(sum, first);
  workgroupBarrier();
  // One lane adds them up: on software adapters a tree's barriers would cost more than all the rest.
  if (lane != 0u) { return; }
  for (var other = 1u; other < LANES; other++) {
    sum += sums[other].x;
    first = min(first, sums[other].y);
  }
  parts[group] = vec2f(sum, first);
}
