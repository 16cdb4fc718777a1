// dx = dy·act'(x) for the activations of lib/activation. Reads dy, x, writes dx. One invocation = one value.
#import lib/grid
#import lib/activation
alias T = f32;
const ACTIVATION: u32 = 1u; // relu, gelu, gelu-tanh, quick-gelu, silu from 1
override LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, count: u32 }

@group(0) @binding(0) var<storage, read> dy: array<T>;
@group(0) @binding(1) var<storage, read> x: array<T>;
@group(0) @binding(2) var<storage, read_write> dx: array<T>;
@group(0) @binding(3) var<uniform> p: Params;

fn derivative(v: f32) -> f32 {
  switch (ACTIVATION) {
    case 1u: { return relu_derivative(v); }
    case 2u: { return gelu_exact_derivative(v); }
    case 3u: { return gelu_tanh_derivative(v); }
    case 4u: { return quick_gelu_derivative(v); }
    case 5u: { return silu_derivative(v); }
    default: { return 1.0; }
  }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let i = group * LANES + lane;
  if (group >= p.groups || i >= p.count) { return; }
  dx[i] = T(f32(dy[i]) * derivative(f32(x[i])));
}
