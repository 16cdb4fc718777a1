// d = dy·∂f/∂a(a, b), or ∂f/∂b, at the broadcast shape, computed in f32. Reads dy, a, b, writes d.
// One invocation = one value, or four neighbours on the last axis, `repeat` times.
#import lib/broadcast
#import lib/power
alias T = f32;
alias E = T; // dy and d as stored: T or vec4<T>
alias A = T;
alias B = T;
alias A32 = f32; // A and B in f32: an f16 is converted before it is repeated four times
alias B32 = f32;
const FUNCTION: u32 = 3u; // its place in BINARY of src/ops/binary-functions.ts
const BY_B: bool = false;
override LANES: u32 = 64u;

@group(0) @binding(0) var<storage, read> dy: array<E>;
@group(0) @binding(1) var<storage, read> a: array<A>;
@group(0) @binding(2) var<storage, read> b: array<B>;
@group(0) @binding(3) var<storage, read_write> d: array<E>;

// 1 where the operand wins, ½ where both are equal: the two gradients always add up to dy.
fn share(winner: V, loser: V) -> V {
  return select(select(V(0.0), V(0.5), winner == loser), V(1.0), winner > loser);
}

fn derivative(u: V, v: V) -> V {
  switch (FUNCTION) {
    case 3u: {
      if (BY_B) { return -(u / v) / v; }
      return 1.0 / v;
    }
    case 4u: {
      if (BY_B) { return share(v, u); }
      return share(u, v);
    }
    case 5u: {
      if (BY_B) { return share(u, v); }
      return share(v, u);
    }
    default: {
      if (BY_B) { return select(V(0.0), size_power(u, v) * logarithm(abs(u)), u > V(0.0)); }
      return select(v * power(u, v - 1.0), V(0.0), v == V(0.0));
    }
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
    d[i] = E(V(dy[i]) * derivative(V(A32(a[at.x])), V(B32(b[at.y]))));
  }
}
