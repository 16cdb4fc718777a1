// y[i] = number offset + i of a random stream: bits, uniform in [0, 1) or standard normal. Reads clock when there is one,
// writes y.
// One invocation = one block of four numbers; the first block begins `skip` numbers before y.
#import lib/grid
#import lib/logarithm
#import lib/no_clock
#import lib/philox
#import lib/rotor
alias Y = f32; // u32 for bits
alias Y4 = vec4<Y>;
const KIND: u32 = 1u; // bits, uniform, normal from 0
override LANES: u32 = 64u;

struct Params {
  first_group: u32,
  groups: u32,
  count: u32,
  skip: u32,
  block_low: u32,
  block_high: u32,
  seed: u32,
  stream: u32,
}

@group(0) @binding(0) var<storage, read_write> y: array<Y>;
@group(0) @binding(1) var<uniform> p: Params;

fn uniform_of(word: u32) -> f32 { return f32(word >> 8u) * 5.9604644775390625e-8; } // 24 bits, exact

// Box-Muller: radius √(-2 ln(1 - u)) from the first word, angle from 24 bits of the second; both coordinates are used.
fn normal_pair(words: vec2u) -> vec2f {
  let radius = sqrt(max(-2.0 * logarithm(1.0 - uniform_of(words.x)), 0.0));
  return radius * rotor(words.y & 0xffffff00u);
}

fn numbers(words: vec4u) -> Y4 {
  switch (KIND) {
    case 0u: { return Y4(words); }
    case 1u: { return Y4(vec4f(uniform_of(words.x), uniform_of(words.y), uniform_of(words.z), uniform_of(words.w))); }
    default: { return Y4(vec4f(normal_pair(words.xy), normal_pair(words.zw))); }
  }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let block = group * LANES + lane;
  if (group >= p.groups || 4u * block >= p.count + p.skip) { return; }
  let low = p.block_low + block;
  let high = p.block_high + select(0u, 1u, low < block);
  let found = numbers(philox(vec4u(low, high, clock_words()), vec2u(p.seed, p.stream)));
  for (var k = 0u; k < 4u; k++) {
    let at = 4u * block + k; // counts from the first block
    if (at >= p.skip && at - p.skip < p.count) { y[at - p.skip] = found[k]; }
  }
}
