// dx[r, :] = y·(dy - Σ dy·y), or dy - exp(y)·Σ dy where y is a log-softmax and p.log is 1, over rows of n
// elements. Reads dy, y, writes dx. One workgroup = one row, or LANES rows without a barrier.
#import lib/grid
#import lib/rows

struct Params { first_group: u32, groups: u32, rows: u32, n: u32, log: u32 }

@group(0) @binding(0) var<storage, read> dy: array<E>;
@group(0) @binding(1) var<storage, read> y: array<E>;
@group(0) @binding(2) var<storage, read_write> dx: array<E>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let row = row_at(group, lane);
  let start = row * p.n;
  let n = select(0u, p.n, row < p.rows);
  var partial = V(0.0);
  for (var i = row_first(lane); i < n; i += row_step()) {
    partial += V(dy[start + i]) * select(V(y[start + i]), V(1.0), p.log == 1u);
  }
  let total = row_sum(sum_of(partial), lane);
  for (var i = row_first(lane); i < n; i += row_step()) {
    let slope = V(dy[start + i]);
    let value = V(y[start + i]);
    if (p.log == 1u) {
      dx[start + i] = E(slope - exp(value) * total);
    } else {
      dx[start + i] = E(value * (slope - total));
    }
  }
}
