// y[i, :] = row index[i] - first of the weights, decoded; a row that is not there gives zeros.
// Reads w, index and, where there is one, scale; writes y. One invocation = four values.
#import lib/grid
#import lib/weights_f32
override LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, count: u32, k4: u32, rows: u32, first: u32 }

@group(0) @binding(0) var<storage, read> w: array<Four>;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(4) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let i = group * LANES + lane;
  if (group >= p.groups || i >= p.count) { return; }
  let row = index[i / p.k4] - p.first; // wraps past the last row when it lies before the first
  var value = vec4f();
  if (row < p.rows) {
    value = decode(w[row * p.k4 + i % p.k4]);
    if (SCALED) { value *= scale[row]; }
  }
  y[i] = value;
}
