// y[r, :] = Σ values[e, :] over all e with index[e] = r, in order of e, by looking at every index: for few rows, where sorting
// takes longer. Reads values, index, writes y. One invocation = one value of a row, or four.
#import lib/grid
#import lib/width
alias T = f32;
alias E = T; // as stored: T or vec4<T>
override LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, count: u32, n: u32, edges: u32 } // n in elements of E

@group(0) @binding(0) var<storage, read> values: array<E>;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<E>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let i = group * LANES + lane;
  if (group >= p.groups || i >= p.count) { return; }
  let row = i / p.n;
  var sum = V(0.0);
  for (var e = 0u; e < p.edges; e++) {
    if (index[e] == row) { sum += V(values[e * p.n + i % p.n]); }
  }
  y[i] = E(sum);
}
