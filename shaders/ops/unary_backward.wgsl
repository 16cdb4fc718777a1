// dx = dy·f'(x), value by value, computed in f32. Reads dy, x, writes dx. One invocation = one value,
// or four where they fit, `repeat` times.
#import lib/grid
#import lib/activation
#import lib/trig
alias T = f32;
alias E = T; // as stored: T or vec4<T>
const FUNCTION: u32 = 0u; // its place in UNARY of src/ops/unary-functions.ts
override LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, count: u32, repeat: u32, first: f32, second: f32 }

@group(0) @binding(0) var<storage, read> dy: array<E>;
@group(0) @binding(1) var<storage, read> x: array<E>;
@group(0) @binding(2) var<storage, read_write> dx: array<E>;
@group(0) @binding(3) var<uniform> p: Params;

fn derivative(v: V) -> V {
  switch (FUNCTION) {
    case 0u: { return relu_derivative(v); }
    case 1u: { return gelu_exact_derivative(v); }
    case 2u: { return gelu_tanh_derivative(v); }
    case 3u: { return quick_gelu_derivative(v); }
    case 4u: { return silu_derivative(v); }
    case 5u: { return sigmoid_derivative(v); }
    case 6u: { return tanh_derivative(v); }
    case 7u: { return exp(v); }
    case 8u: { return 1.0 / v; }
    case 9u: { return 0.5 * inverseSqrt(v); }
    case 10u: { return -0.5 * inverseSqrt(v) / v; }
    case 11u: { return 2.0 * v; }
    case 12u: { return sign(v); }
    case 14u: { return cosine(v); }
    case 15u: { return -sine(v); }
    case 18u: { return select(V(0.0), V(1.0), v >= V(p.first)) * select(V(0.0), V(1.0), v <= V(p.second)); }
    default: { return V(0.0); } // sign is flat; negation and scale-and-shift have kernels of their own
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
    dx[i] = E(V(dy[i]) * derivative(V(x[i])));
  }
}
