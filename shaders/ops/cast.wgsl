// y = x in another element type, on the bits. Reads x, writes y, both as 32-bit words; f16 and bf16 lie two in a word.
// One invocation = one word of y, `repeat` times.
#import lib/grid
#import lib/float_bits
const FROM: u32 = 0u; // f32, f16, bf16, i32, u32 from 0
const TO: u32 = 1u;
override LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, count: u32, repeat: u32, size: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<uniform> p: Params;

fn is_half(dtype: u32) -> bool { return dtype == 1u || dtype == 2u; }

fn stored_at(i: u32) -> u32 {
  if (is_half(FROM)) { return (x[i / 2u] >> (16u * (i & 1u))) & 0xffffu; }
  return x[i];
}

fn to_f32_bits(raw: u32) -> u32 {
  switch (FROM) {
    case 1u: { return f16_to_f32_bits(raw); }
    case 2u: { return bf16_to_f32_bits(raw); }
    case 3u: { return i32_to_f32_bits(raw); }
    case 4u: { return u32_to_f32_bits(raw); }
    default: { return raw; }
  }
}

fn from_f32_bits(bits: u32) -> u32 {
  switch (TO) {
    case 1u: { return f32_bits_to_f16(bits); }
    case 2u: { return f32_bits_to_bf16(bits); }
    case 3u: { return f32_bits_to_i32(bits); }
    case 4u: { return f32_bits_to_u32(bits); }
    default: { return bits; }
  }
}

fn converted(i: u32) -> u32 {
  let raw = stored_at(i);
  if (FROM == TO) { return raw; }
  if (FROM == 3u && TO == 4u) { return select(raw, 0u, raw >> 31u == 1u); }
  if (FROM == 4u && TO == 3u) { return min(raw, 0x7fffffffu); }
  return from_f32_bits(to_f32_bits(raw));
}

fn word_of(i: u32) -> u32 {
  if (!is_half(TO)) { return converted(i); }
  let low = converted(2u * i);
  if (2u * i + 1u >= p.size) { return low; }
  return low | (converted(2u * i + 1u) << 16u);
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  for (var k = 0u; k < p.repeat; k++) {
    let i = (group * p.repeat + k) * LANES + lane;
    if (i >= p.count) { return; }
    y[i] = word_of(i);
  }
}
