// AdamW over all weights at once: decoupled weight decay, bias-corrected moments, and the running average of the weights.
// Reads g, table (a row of p.rows per chunk of 64 values), control; updates w, m, v, ema. One invocation = 4 values.
// A row is (learning-rate factor, weight decay, 1 for AdamW or 0 to leave the weights alone, 0).
#import lib/grid
#import lib/control
const EMA: bool = false;
const LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, quads: u32, rows: array<vec4f, 8> }

@group(0) @binding(0) var<storage, read> g: array<vec4f>;
@group(0) @binding(1) var<storage, read> table: array<u32>;
@group(0) @binding(2) var<storage, read> control: array<f32>;
@group(0) @binding(3) var<storage, read_write> w: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> m: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> v: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> ema: array<vec4f>;
@group(0) @binding(7) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let i = group * LANES + lane;
  if (group >= p.groups || i >= p.quads || control[IS_GOOD] == 0.0) { return; }
  let row = p.rows[table[i / 16u]];
  var weight = w[i];
  if (row.z != 0.0) {
    let gradient = g[i] * control[FACTOR];
    let rate = control[LEARNING_RATE] * row.x;
    let first = m[i] + (1.0 - control[BETA_1]) * (gradient - m[i]);
    let second = v[i] * control[BETA_2] + (1.0 - control[BETA_2]) * gradient * gradient;
    m[i] = first;
    v[i] = second;
    let spread = sqrt(second / control[BIAS_2]) + control[EPSILON];
    weight = weight * (1.0 - rate * row.y) - (rate / control[BIAS_1]) * (first / spread);
    w[i] = weight;
  }
  if (EMA) { ema[i] = weight + control[EMA_DECAY] * (ema[i] - weight); }
}
