// dx of y = act(a)·b for rows [a | b]: [dy·b·act'(a) | dy·act(a)]. Reads dy [rows, n], x [rows, 2n], writes dx.
// One invocation = one value of y, or four, `repeat` times.
#import lib/grid
#import lib/activate
alias T = f32;
alias E = T; // as stored: T or vec4<T>
override LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, count: u32, repeat: u32, n: u32 } // n in elements of E

@group(0) @binding(0) var<storage, read> dy: array<E>;
@group(0) @binding(1) var<storage, read> x: array<E>;
@group(0) @binding(2) var<storage, read_write> dx: array<E>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  for (var k = 0u; k < p.repeat; k++) {
    let i = (group * p.repeat + k) * LANES + lane;
    if (i >= p.count) { return; }
    let at = i + i / p.n * p.n;
    let slope = V(dy[i]);
    let a = V(x[at]);
    dx[at] = E(slope * V(x[at + p.n]) * activate_derivative(a));
    dx[at + p.n] = E(slope * activate(a));
  }
}
