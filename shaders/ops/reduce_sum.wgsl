// y[o, c, j] = scale·Σ x[o, r, j] over the rows r of chunk c. Reads x [outer, rows, inner], writes y [outer, chunks, inner].
// One workgroup = one sum, or LANES sums without a barrier; the order of additions is fixed.
#import lib/grid
#import lib/rows
alias R = f32; // type of the result
const BLOCK: u32 = 32u; // added up alone first: rounding then grows with BLOCK + chunk / BLOCK, not with the chunk

struct Params {
  first_group: u32,
  groups: u32,
  count: u32, // results
  rows: u32,
  inner: u32,
  chunk: u32,
  chunks: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<R>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let i = row_at(group, lane);
  let part = i / p.inner;
  let first = part % p.chunks * p.chunk;
  let end = select(0u, min(first + p.chunk, p.rows), i < p.count);
  let start = part / p.chunks * p.rows * p.inner + i % p.inner;
  let stride = BLOCK * row_step();
  var sum = 0.0;
  for (var b = first + row_first(lane); b < end; b += stride) {
    var block = 0.0;
    for (var r = b; r < min(b + stride, end); r += row_step()) { block += f32(x[start + r * p.inner]); }
    sum += block;
  }
  sum = row_sum(sum, lane);
  if (i < p.count && row_first(lane) == 0u) { y[i] = R(sum * p.scale); }
}
