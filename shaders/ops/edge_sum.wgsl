// The first layer of an edge network with its product taken per node: z = nodes[sender, first half] + nodes[receiver,
// second half] + bias + edge. Writes y = act(z), or with BACKWARD dz = dy·act'(z) of the same z.
// Reads nodes [N, 2n], bias [n], edge [E, n], senders, receivers [E], dy. One invocation = one value of an edge, or four.
#import lib/grid
#import lib/activate
alias T = f32;
alias E = T; // as stored: T or vec4<T>
const HAS_EDGE: bool = false;
const BACKWARD: bool = false;
override LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, count: u32, repeat: u32, n: u32, nodes: u32 } // n in elements of E

@group(0) @binding(0) var<storage, read> nodes: array<E>;
@group(0) @binding(1) var<storage, read> bias: array<E>;
@group(0) @binding(2) var<storage, read> edge: array<E>;
@group(0) @binding(3) var<storage, read> senders: array<u32>;
@group(0) @binding(4) var<storage, read> receivers: array<u32>;
@group(0) @binding(5) var<storage, read> dy: array<E>;
@group(0) @binding(6) var<storage, read_write> y: array<E>;
@group(0) @binding(7) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  for (var k = 0u; k < p.repeat; k++) {
    let i = (group * p.repeat + k) * LANES + lane;
    if (i >= p.count) { return; }
    let e = i / p.n;
    let j = i % p.n;
    let last = p.nodes - 1u; // an index past the nodes must not read past the tensor
    var z = V(nodes[min(senders[e], last) * 2u * p.n + j]) + V(nodes[(min(receivers[e], last) * 2u + 1u) * p.n + j]);
    z += V(bias[j]);
    if (HAS_EDGE) { z += V(edge[i]); }
    if (BACKWARD) { y[i] = E(V(dy[i]) * activate_derivative(z)); } else { y[i] = E(activate(z)); }
  }
}
