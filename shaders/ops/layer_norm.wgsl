// y = (x - mean)·gamma/σ + beta over rows of n elements, σ² = variance + eps; stats holds mean and 1/σ of each row.
// Reads x, gamma, beta, writes y, stats. One workgroup = one row, or LANES rows without a barrier.
//
// The moments are merged block by block (Chan, Golub and LeVeque, 1979), so that x is read once for them, and are taken
// relative to the row's first value: neither a large mean nor one outlier costs digits of the variance.
#import lib/grid
#import lib/rows

struct Params { first_group: u32, groups: u32, rows: u32, n: u32, eps: f32 }

@group(0) @binding(0) var<storage, read> x: array<E>;
@group(0) @binding(1) var<storage, read> gamma: array<E>;
@group(0) @binding(2) var<storage, read> beta: array<E>;
@group(0) @binding(3) var<storage, read_write> y: array<E>;
@group(0) @binding(4) var<storage, read_write> stats: array<f32>;
@group(0) @binding(5) var<uniform> p: Params;

struct Moments { count: f32, mean: f32, between: f32 } // Σ (x - mean)² = Σ within blocks + between

/// Moments with a block of `count` values more, whose mean is `block`.
fn merge(a: Moments, block: f32, count: f32) -> Moments {
  let total = a.count + count;
  let away = block - a.mean;
  let mean = a.mean + away * (count / total);
  return Moments(total, mean, a.between + count * away * (block - mean));
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let row = row_at(group, lane);
  let start = row * p.n;
  let n = select(0u, p.n, row < p.rows);
  let step = row_step();
  let width = f32(WIDTH);
  let origin = V(first_of(V(x[start])));

  var m = Moments(0.0, 0.0, 0.0);
  var within = V(0.0);
  var i = row_first(lane);
  for (; i + 3u * step < n; i += 4u * step) {
    let a = V(x[start + i]) - origin;
    let b = V(x[start + i + step]) - origin;
    let c = V(x[start + i + 2u * step]) - origin;
    let d = V(x[start + i + 3u * step]) - origin;
    let block = sum_of((a + b) + (c + d)) / (4.0 * width);
    within += (a - block) * (a - block) + (b - block) * (b - block);
    within += (c - block) * (c - block) + (d - block) * (d - block);
    m = merge(m, block, 4.0 * width);
  }
  for (; i < n; i += step) {
    let a = V(x[start + i]) - origin;
    let block = sum_of(a) / width;
    within += (a - block) * (a - block);
    m = merge(m, block, width);
  }
  let count = f32(p.n) * width;
  let mean = row_sum(m.count * m.mean, lane) / count;
  let away = m.mean - mean;
  let squares = row_sum(sum_of(within) + m.between + m.count * away * away, lane);
  let scale = inverseSqrt(squares / count + p.eps);

  for (i = row_first(lane); i < n; i += step) {
    y[start + i] = E(((V(x[start + i]) - origin) - mean) * scale * V(gamma[i]) + V(beta[i]));
  }
  if (n > 0u && row_first(lane) == 0u) {
    stats[2u * row] = first_of(origin) + mean;
    stats[2u * row + 1u] = scale;
  }
}
