// dx of layer norm (p.center is 1) or RMS norm (0), and what other uses of x gave. With x̂ = (x - mean)·s, s = 1/σ and g = dy·gamma:
// dx = s·(g - mean(g) - x̂·mean(g·x̂)) + dmean/n - ds·s²·x̂/n, without the terms in means of g and in dmean for RMS norm.
// stats and dstats hold mean and s, or s alone, of each row; dstats and before count where p.use_… is 1.
// Reads dy, x, gamma, stats, before, dstats, writes dx.
// One workgroup = one row of n elements, or LANES rows without a barrier.
#import lib/grid
#import lib/rows

struct Params { first_group: u32, groups: u32, rows: u32, n: u32, center: u32, use_before: u32, use_dstats: u32 }

@group(0) @binding(0) var<storage, read> dy: array<E>;
@group(0) @binding(1) var<storage, read> x: array<E>;
@group(0) @binding(2) var<storage, read> gamma: array<E>;
@group(0) @binding(3) var<storage, read> stats: array<f32>;
@group(0) @binding(4) var<storage, read> before: array<E>;
@group(0) @binding(5) var<storage, read> dstats: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<E>;
@group(0) @binding(7) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let row = row_at(group, lane);
  let start = row * p.n;
  let n = select(0u, p.n, row < p.rows);
  let centered = p.center == 1u;
  let at = row * (1u + p.center);
  let mean = select(0.0, stats[at], centered);
  let scale = stats[at + p.center];
  var dmean = 0.0;
  var dscale = 0.0;
  if (p.use_dstats == 1u) {
    dmean = select(0.0, dstats[at], centered);
    dscale = dstats[at + p.center];
  }

  var plain = V(0.0);
  var along = V(0.0);
  for (var i = row_first(lane); i < n; i += row_step()) {
    let g = V(dy[start + i]) * V(gamma[i]);
    plain += g;
    along += g * ((V(x[start + i]) - mean) * scale);
  }
  let count = f32(p.n * WIDTH);
  var shift = 0.0;
  if (centered) { shift = (scale * row_sum(sum_of(plain), lane) - dmean) / count; }
  let slope = scale * (scale * dscale + row_sum(sum_of(along), lane)) / count;
  for (var i = row_first(lane); i < n; i += row_step()) {
    let g = V(dy[start + i]) * V(gamma[i]);
    let normal = (V(x[start + i]) - mean) * scale;
    var value = scale * g - shift - slope * normal;
    if (p.use_before == 1u) { value += V(before[start + i]); }
    dx[start + i] = E(value);
  }
}
