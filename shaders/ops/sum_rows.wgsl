// y[chunk, j] = Σ x[r, j] over the CHUNK rows of a chunk, in order. Reads x [rows, n], writes y [ceil(rows / CHUNK), n].
// One invocation = one result; the host repeats it until one row is left, so the sum is the same every time.
#import lib/grid
alias T = f32;
alias R = f32;
const CHUNK: u32 = 64u;
override LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, rows: u32, n: u32 }

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<R>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let i = group * LANES + lane;
  let chunks = max(1u, (p.rows + CHUNK - 1u) / CHUNK);
  if (group >= p.groups || i >= chunks * p.n) { return; }
  let first = i / p.n * CHUNK;
  var sum = 0.0;
  for (var r = first; r < min(first + CHUNK, p.rows); r++) { sum += f32(x[r * p.n + i % p.n]); }
  y[i] = R(sum);
}
