// loss[r] = log Σ exp(x[r, :]) - x[r, target[r]] and lse[r] = log Σ exp(x[r, :]), over rows of n elements; a target past
// the row gives a loss of 0. Reads x, targets, writes loss, lse. One workgroup = one row, or LANES rows without a barrier.
#import lib/grid
#import lib/logarithm
#import lib/log_sum_exp

struct Params { first_group: u32, groups: u32, rows: u32, n: u32 }

@group(0) @binding(0) var<storage, read> x: array<E>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;
@group(0) @binding(3) var<storage, read_write> lse: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let row = row_at(group, lane);
  let start = row * p.n;
  let n = select(0u, p.n, row < p.rows);
  let whole = row_exp_sum(start, n, lane);
  if (row_first(lane) > 0u || n == 0u) { return; }
  let log_sum = first_of(logarithm(V(whole.sum)));
  lse[row] = whole.top + log_sum;
  let hit = targets[row];
  var value = 0.0;
  if (hit < n * WIDTH) {
    let picked = vec4f(V(x[start + hit / WIDTH]))[hit % WIDTH];
    value = (whole.top - picked) + log_sum; // in this order a confident row keeps the digits of its small loss
  }
  loss[row] = value;
}
