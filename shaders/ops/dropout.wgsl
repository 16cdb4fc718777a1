// y = x / (1 - rate) where the random number of its place is at least rate, else 0. The mask is never stored: the gradient
// draws it again. Reads x, clock, writes y. One invocation = four neighbouring values, one block of the generator.
#import lib/clock
#import lib/grid
#import lib/philox
alias T = f32;
override LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, count: u32, seed: u32, stream: u32, limit: u32, scale: f32 }

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<T>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let block = group * LANES + lane;
  if (group >= p.groups || 4u * block >= p.count) { return; }
  let words = philox(vec4u(block, 0u, clock_words()), vec2u(p.seed, p.stream));
  for (var k = 0u; k < min(4u, p.count - 4u * block); k++) {
    let at = 4u * block + k;
    let kept = (words[k] >> 8u) >= p.limit; // 24 bits, as the uniform numbers have
    y[at] = T(select(0.0, f32(x[at]) * p.scale, kept));
  }
}
