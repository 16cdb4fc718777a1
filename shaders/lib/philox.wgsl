// Philox 4x32-10: four random words for a 128-bit counter and a 64-bit key. The same as base/random.ts. No bindings.
// Source: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
#import lib/integer

fn philox(start: vec4u, start_key: vec2u) -> vec4u {
  var counter = start;
  var key = start_key;
  for (var round = 0u; round < 10u; round++) {
    let first = vec2u(mul_high(0xd2511f53u, counter.x), 0xd2511f53u * counter.x);
    let second = vec2u(mul_high(0xcd9e8d57u, counter.z), 0xcd9e8d57u * counter.z);
    counter = vec4u(second.x ^ counter.y ^ key.x, second.y, first.x ^ counter.w ^ key.y, first.y);
    key += vec2u(0x9e3779b9u, 0xbb67ae85u);
  }
  return counter;
}
