// For each row what both gradients of attention need: lse in powers of two, and delta = Σ dy · y over the row minus dlse,
// which is subtracted from every weight's gradient. Reads dy, y [rows, D] as they lie, dlse and lse [H, lq]; writes
// terms [H, lq, 2]. One invocation = one row.
#import lib/grid
alias T = f32;
const LANES: u32 = 64u;
const LOG2E: f32 = 1.4426950408889634;

struct Params { first_group: u32, groups: u32, rows: u32, lq: u32, d4: u32, heads: u32 } // heads side by side in a row

@group(0) @binding(0) var<storage, read> dy: array<vec4<T>>;
@group(0) @binding(1) var<storage, read> y: array<vec4<T>>;
@group(0) @binding(2) var<storage, read> dlse: array<f32>;
@group(0) @binding(3) var<storage, read> lse: array<f32>;
@group(0) @binding(4) var<storage, read_write> terms: array<vec2f>;
@group(0) @binding(5) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let row = group * LANES + lane;
  if (group >= p.groups || row >= p.rows) { return; }
  var sum = vec4f();
  for (var c = 0u; c < p.d4; c++) { sum += vec4f(dy[row * p.d4 + c]) * vec4f(y[row * p.d4 + c]); }
  let head = row / (p.lq * p.heads) * p.heads + row % p.heads;
  let at = head * p.lq + row / p.heads % p.lq;
  terms[at] = vec2f(lse[at] * LOG2E, dot(sum, vec4f(1.0)) - dlse[at]);
}
