// Momentum of matrices of one shape, and what Newton-Schulz starts from: m += (1 - momentum)(g - m), u = g + momentum(m - g)
// with Nesterov, else m. parts holds the squared norm of u by workgroup, STRIPS for each matrix. A bad step changes nothing.
// Reads g, control; updates m; writes u, parts. One workgroup = one strip of one matrix.
#import lib/grid
#import lib/control
#import lib/reduce
const STRIPS: u32 = 16u;

struct Params { first_group: u32, groups: u32, size: u32, nesterov: u32 } // size: values of a matrix

@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> control: array<f32>;
@group(0) @binding(2) var<storage, read_write> m: array<f32>;
@group(0) @binding(3) var<storage, read_write> u: array<f32>;
@group(0) @binding(4) var<storage, read_write> parts: array<f32>;
@group(0) @binding(5) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let is_good = control[IS_GOOD] != 0.0;
  let keep = control[MOMENTUM];
  let start = group / STRIPS * p.size;
  var squares = 0.0;
  for (var i = group % STRIPS * LANES + lane; i < p.size; i += STRIPS * LANES) {
    let at = start + i;
    var value = 0.0;
    if (is_good) {
      let gradient = g[at] * control[FACTOR];
      let moved = m[at] + (1.0 - keep) * (gradient - m[at]);
      m[at] = moved;
      value = select(moved, gradient + keep * (moved - gradient), p.nesterov != 0u);
    }
    u[at] = value;
    squares += value * value;
  }
  let sum = workgroup_sum(squares, lane);
  if (lane == 0u) { parts[group] = sum; }
}
