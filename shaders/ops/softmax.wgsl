// y[r, :] = exp(x[r, :] - max) / sum, or its logarithm where p.log is 1, over rows of n elements. Reads x, writes y.
// One workgroup = one row, or LANES rows without a barrier.
#import lib/grid
#import lib/logarithm
#import lib/log_sum_exp

struct Params { first_group: u32, groups: u32, rows: u32, n: u32, log: u32 }

@group(0) @binding(0) var<storage, read> x: array<E>;
@group(0) @binding(1) var<storage, read_write> y: array<E>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let row = row_at(group, lane);
  let start = row * p.n;
  let n = select(0u, p.n, row < p.rows);
  let whole = row_exp_sum(start, n, lane);
  if (p.log == 1u) {
    let log_sum = first_of(logarithm(V(whole.sum)));
    for (var i = row_first(lane); i < n; i += row_step()) {
      y[start + i] = E((V(x[start + i]) - whole.top) - log_sum);
    }
  } else {
    let scale = 1.0 / whole.sum;
    for (var i = row_first(lane); i < n; i += row_step()) {
      y[start + i] = E(exp(V(x[start + i]) - whole.top) * scale);
    }
  }
}
