// Sums over the rows of one chunk, in order, for the gradients of gamma and beta: dgamma[c, j] = Σ dy·x̂ and
// dbeta[c, j] = Σ dy (where p.center is 1), x̂ = (x - mean)·s with mean and s, or s alone, of each row in stats.
// Reads dy, x, stats, writes dgamma, dbeta [chunks, n]. One invocation = one element of E of one chunk.
#import lib/grid
#import lib/rows

struct Params { first_group: u32, groups: u32, rows: u32, n: u32, chunk: u32, count: u32, center: u32 }

@group(0) @binding(0) var<storage, read> dy: array<E>;
@group(0) @binding(1) var<storage, read> x: array<E>;
@group(0) @binding(2) var<storage, read> stats: array<f32>;
@group(0) @binding(3) var<storage, read_write> dgamma: array<V>;
@group(0) @binding(4) var<storage, read_write> dbeta: array<V>;
@group(0) @binding(5) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let i = group * LANES + lane;
  if (group >= p.groups || i >= p.count) { return; }
  let first = i / p.n * p.chunk;
  var along = V(0.0);
  var plain = V(0.0);
  for (var row = first; row < min(first + p.chunk, p.rows); row++) {
    let at = row * p.n + i % p.n;
    let slope = V(dy[at]);
    let kept = row * (1u + p.center);
    let mean = select(0.0, stats[kept], p.center == 1u);
    along += slope * ((V(x[at]) - mean) * stats[kept + p.center]);
    plain += slope;
  }
  dgamma[i] = along;
  if (p.center == 1u) { dbeta[i] = plain; }
}
