// Brings matrices to norm 1: z = u / max(norm, epsilon), the norm from STRIPS parts for each matrix. Reads u, parts, writes
// z. One invocation = one value.
#import lib/grid
const STRIPS: u32 = 16u;
const LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, count: u32, size: u32, epsilon: f32 }

@group(0) @binding(0) var<storage, read> u: array<f32>;
@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> z: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let i = group * LANES + lane;
  if (group >= p.groups || i >= p.count) { return; }
  var squares = 0.0;
  for (var s = 0u; s < STRIPS; s++) { squares += parts[i / p.size * STRIPS + s]; }
  z[i] = u[i] / max(sqrt(squares), p.epsilon);
}
