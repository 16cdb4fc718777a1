// dx[r, :] = y·(dy - Σ dy·y) over rows of n values. Reads dy, y, writes dx. One workgroup = one row.
#import lib/grid
#import lib/reduce
alias T = f32;

struct Params { first_group: u32, groups: u32, n: u32 }

@group(0) @binding(0) var<storage, read> dy: array<T>;
@group(0) @binding(1) var<storage, read> y: array<T>;
@group(0) @binding(2) var<storage, read_write> dx: array<T>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = p.first_group + flat_group(wid, nwg);
  if (row >= p.groups) { return; }
  let start = row * p.n;
  var dot = 0.0;
  for (var i = lane; i < p.n; i += LANES) { dot += f32(dy[start + i]) * f32(y[start + i]); }
  dot = workgroup_sum(dot, lane);
  for (var i = lane; i < p.n; i += LANES) {
    dx[start + i] = T(f32(y[start + i]) * (f32(dy[start + i]) - dot));
  }
}
