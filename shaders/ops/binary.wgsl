// y = f(a, b) with broadcasting, computed in f32. Reads a, b, writes y. One invocation = one value, or four neighbours
// on the last axis, `repeat` times; an operand that is constant along that axis is then read as one value.
#import lib/broadcast
#import lib/power
alias T = f32;
alias A = T; // as stored: T or vec4<T>
alias B = T;
alias A32 = f32; // A and B in f32: an f16 is converted before it is repeated four times
alias B32 = f32;
alias Y = T; // u32 for comparisons
const FUNCTION: u32 = 0u; // its place in BINARY of src/ops/binary-functions.ts
override LANES: u32 = 64u;

@group(0) @binding(0) var<storage, read> a: array<A>;
@group(0) @binding(1) var<storage, read> b: array<B>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

fn apply(u: V, v: V) -> V {
  switch (FUNCTION) {
    case 0u: { return u + v; }
    case 1u: { return u - v; }
    case 2u: { return u * v; }
    case 3u: { return u / v; }
    case 4u: { return max(u, v); }
    case 5u: { return min(u, v); }
    case 6u: { return power(u, v); }
    case 7u: { return select(V(0.0), V(1.0), u > v); }
    case 8u: { return select(V(0.0), V(1.0), u >= v); }
    default: { return select(V(0.0), V(1.0), u == v); }
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
    let at = positions(i);
    y[i] = Y(apply(V(A32(a[at.x])), V(B32(b[at.y]))));
  }
}
