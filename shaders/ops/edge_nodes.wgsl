// What edges give back to their nodes: the first half of row i of y sums x over the edges that i sends (listed in order,
// from sent[i] to sent[i + 1]), the second half over those that it receives, which lie from received[i] to received[i + 1].
// Reads x [E, n], sent, order, received, writes y [N, 2n]. One invocation = one value of a node, or four.
#import lib/grid
#import lib/width
alias T = f32;
alias E = T; // as stored: T or vec4<T>
override LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, count: u32, n: u32, edges: u32 } // n in elements of E

@group(0) @binding(0) var<storage, read> x: array<E>;
@group(0) @binding(1) var<storage, read> sent: array<u32>;
@group(0) @binding(2) var<storage, read> order: array<u32>;
@group(0) @binding(3) var<storage, read> received: array<u32>;
@group(0) @binding(4) var<storage, read_write> y: array<E>;
@group(0) @binding(5) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let i = group * LANES + lane;
  if (group >= p.groups || i >= p.count) { return; }
  let node = i / (2u * p.n);
  let j = i % p.n;
  var sum = V(0.0);
  if (i / p.n % 2u == 0u) {
    let end = min(sent[node + 1u], p.edges);
    for (var k = sent[node]; k < end; k++) { sum += V(x[min(order[k], p.edges - 1u) * p.n + j]); }
  } else {
    let end = min(received[node + 1u], p.edges);
    for (var e = received[node]; e < end; e++) { sum += V(x[e * p.n + j]); }
  }
  y[i] = E(sum);
}
