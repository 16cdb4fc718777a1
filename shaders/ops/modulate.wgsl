// y = x·(base + m[b, factor]) + m[b, shift] + residual, with rows of a table that belong to the batch entry: what adaLN does
// to a token. Reads x [B, L, n], m [B, parts, n], residual [B, L, n], writes y. One invocation = one value, or four,
// `repeat` times.
#import lib/grid
#import lib/width
alias T = f32;
alias E = T; // as stored: T or vec4<T>
const HAS_SHIFT: bool = false;
const HAS_RESIDUAL: bool = false;
override LANES: u32 = 64u;

struct Params {
  first_group: u32,
  groups: u32,
  count: u32,
  repeat: u32,
  n: u32, // in elements of E
  length: u32,
  parts: u32,
  factor: u32, // parts of the table
  shift: u32,
  base: f32,
}

@group(0) @binding(0) var<storage, read> x: array<E>;
@group(0) @binding(1) var<storage, read> m: array<E>;
@group(0) @binding(2) var<storage, read> residual: array<E>;
@group(0) @binding(3) var<storage, read_write> y: array<E>;
@group(0) @binding(4) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  for (var k = 0u; k < p.repeat; k++) {
    let i = (group * p.repeat + k) * LANES + lane;
    if (i >= p.count) { return; }
    let row = i / (p.n * p.length) * p.parts * p.n + i % p.n;
    var value = V(x[i]) * (p.base + V(m[row + p.factor * p.n]));
    if (HAS_SHIFT) { value += V(m[row + p.shift * p.n]); }
    if (HAS_RESIDUAL) { value += V(residual[i]); }
    y[i] = E(value);
  }
}
