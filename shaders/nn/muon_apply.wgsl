// Takes an orthogonalised step: w = w·(1 - rate·decay) - rate·factor·z, unless the step is bad. Reads z, control, updates w.
// One invocation = one value.
#import lib/grid
#import lib/control
const LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, count: u32, decay: f32, factor: f32 }

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> control: array<f32>;
@group(0) @binding(2) var<storage, read_write> w: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let i = group * LANES + lane;
  if (group >= p.groups || i >= p.count || control[IS_GOOD] == 0.0) { return; }
  let rate = control[LEARNING_RATE];
  w[i] = w[i] * (1.0 - rate * p.decay) - rate * p.factor * z[i];
}
