// y = f(x), value by value, computed in f32. Reads x, writes y. One invocation = one value, or
// four where they fit, `repeat` times.
#import lib/grid
#import lib/activation
#import lib/logarithm
#import lib/trig
alias T = f32;
alias E = T; // as stored: T or vec4<T>
const FUNCTION: u32 = 0u; // its place in UNARY of src/ops/unary-functions.ts
override LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, count: u32, repeat: u32, first: f32, second: f32 }

@group(0) @binding(0) var<storage, read> x: array<E>;
@group(0) @binding(1) var<storage, read_write> y: array<E>;
@group(0) @binding(2) var<uniform> p: Params;

fn apply(v: V) -> V {
  switch (FUNCTION) {
    case 0u: { return relu(v); }
    case 1u: { return gelu_exact(v); }
    case 2u: { return gelu_tanh(v); }
    case 3u: { return quick_gelu(v); }
    case 4u: { return silu(v); }
    case 5u: { return sigmoid(v); }
    case 6u: { return tanh_accurate(v); }
    case 7u: { return exp(v); }
    case 8u: { return logarithm(v); }
    case 9u: { return sqrt(v); }
    case 10u: { return inverseSqrt(v); }
    case 11u: { return v * v; }
    case 12u: { return abs(v); }
    case 13u: { return sign(v); }
    case 14u: { return sine(v); }
    case 15u: { return cosine(v); }
    case 16u: { return -v; }
    case 17u: { return p.first * v + p.second; }
    default: { return clamp(v, V(p.first), V(p.second)); }
  }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  for (var k = 0u; k < p.repeat; k++) {
    let i = (group * p.repeat + k) * LANES + lane;
    if (i >= p.count) { return; }
    y[i] = E(apply(V(x[i])));
  }
}
