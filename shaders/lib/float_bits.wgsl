// Conversions between number formats on their bits, in integers only: rounding to nearest even, subnormals, infinities
// and NaN follow IEEE 754 on every device, and no feature is needed. Pure functions, no bindings.

// x / 2^shift rounded to nearest, ties to even; shift from 1 to 31.
fn shift_round(x: u32, shift: u32) -> u32 {
  let kept = x >> shift;
  let rest = x & ((1u << shift) - 1u);
  let half = 1u << (shift - 1u);
  return kept + select(0u, 1u, rest > half || (rest == half && (kept & 1u) == 1u));
}

fn f16_to_f32_bits(h: u32) -> u32 {
  let sign = (h & 0x8000u) << 16u;
  let exponent = (h >> 10u) & 31u;
  let fraction = h & 0x3ffu;
  if (exponent == 31u) {
    return sign | 0x7f800000u | (fraction << 13u) | select(0u, 0x400000u, fraction != 0u); // NaN becomes quiet
  }
  if (exponent == 0u) { // fraction · 2^-24: the leading one moves to the hidden place
    let shift = countLeadingZeros(fraction) - 21u;
    return sign | select(0u, ((113u - shift) << 23u) | (((fraction << shift) & 0x3ffu) << 13u), fraction != 0u);
  }
  return sign | ((exponent + 112u) << 23u) | (fraction << 13u);
}

fn f32_bits_to_f16(bits: u32) -> u32 {
  let sign = (bits >> 16u) & 0x8000u;
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) { return sign | 0x7e00u; } // NaN
  if (size >= 0x477ff000u) { return sign | 0x7c00u; } // rounds past 65504
  if (size >= 0x38800000u) { return sign | (shift_round(size, 13u) - 0x1c000u); }
  // Below 2^-14 the result counts multiples of 2^-24; at most 2^-25 rounds to zero.
  let exponent = max(size >> 23u, 101u);
  return sign | shift_round((size & 0x7fffffu) | 0x800000u, 126u - exponent);
}

fn bf16_to_f32_bits(h: u32) -> u32 { return h << 16u; }

fn f32_bits_to_bf16(bits: u32) -> u32 {
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return (bits >> 16u) | 0x40u; } // NaN becomes quiet
  return shift_round(bits, 16u);
}

fn u32_to_f32_bits(n: u32) -> u32 {
  if (n == 0u) { return 0u; }
  let zeros = countLeadingZeros(n);
  let exponent = (158u - zeros) << 23u;
  if (zeros >= 8u) { return exponent + (n << (zeros - 8u)) - 0x800000u; }
  return exponent + shift_round(n, 8u - zeros) - 0x800000u; // a carry runs into the exponent
}

fn i32_to_f32_bits(n: u32) -> u32 {
  let negative = n >> 31u;
  return (negative << 31u) | u32_to_f32_bits(select(n, 0u - n, negative == 1u));
}

// |value| towards zero; 2^32 and more give the largest u32, NaN gives 0.
fn f32_bits_to_size(bits: u32) -> u32 {
  let size = bits & 0x7fffffffu;
  let exponent = size >> 23u;
  let digits = (size & 0x7fffffu) | 0x800000u;
  if (size > 0x7f800000u || exponent < 127u) { return 0u; }
  if (exponent > 158u) { return 0xffffffffu; }
  if (exponent < 150u) { return digits >> (150u - exponent); }
  return digits << (exponent - 150u);
}

fn f32_bits_to_u32(bits: u32) -> u32 { return select(f32_bits_to_size(bits), 0u, bits >> 31u == 1u); }

fn f32_bits_to_i32(bits: u32) -> u32 {
  let size = f32_bits_to_size(bits);
  return select(min(size, 0x7fffffffu), 0u - min(size, 0x80000000u), bits >> 31u == 1u);
}
