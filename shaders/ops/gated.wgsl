// y = act(a)·b for rows [a | b]: the gated units (SwiGLU with silu, GEGLU with gelu). Reads x [rows, 2n], writes y
// [rows, n]. One invocation = one value, or four, `repeat` times.
#import lib/grid
#import lib/activate
alias T = f32;
alias E = T; // as stored: T or vec4<T>
override LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, count: u32, repeat: u32, n: u32 } // n in elements of E

@group(0) @binding(0) var<storage, read> x: array<E>;
@group(0) @binding(1) var<storage, read_write> y: array<E>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  for (var k = 0u; k < p.repeat; k++) {
    let i = (group * p.repeat + k) * LANES + lane;
    if (i >= p.count) { return; }
    let at = i + i / p.n * p.n; // a row of x is twice as long
    y[i] = E(activate(V(x[at])) * V(x[at + p.n]));
  }
}
