// y = a + b, value by value. Reads a, b, writes y. One invocation = one value.
#import lib/grid
alias T = f32;
override LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, count: u32 }

@group(0) @binding(0) var<storage, read> a: array<T>;
@group(0) @binding(1) var<storage, read> b: array<T>;
@group(0) @binding(2) var<storage, read_write> y: array<T>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let i = group * LANES + lane;
  if (group >= p.groups || i >= p.count) { return; }
  y[i] = T(f32(a[i]) + f32(b[i]));
}
