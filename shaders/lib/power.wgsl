// a^b in f32 with the signs of whole exponents. Pure functions, no bindings.
#import lib/logarithm

// |a|^b = 2^(b·log2|a|); WGSL's own pow has no sign and a logarithm that is poor near 1. 0^b is 0 for b > 0, a^0 is 1.
fn size_power(a: V, b: V) -> V {
  let size = exp2(b * (1.4426950408889634 * logarithm(abs(a))));
  let small = select(size, V(0.0), (a == V(0.0)) & (b > V(0.0)));
  return select(small, V(1.0), b == V(0.0));
}

// Negative a: the sign of whole powers; other powers have no real value, and the device's pow says what it will.
fn power(a: V, b: V) -> V {
  let size = size_power(a, b);
  let odd = abs(b - 2.0 * floor(0.5 * b)) == V(1.0);
  let signed = select(size, -size, (a < V(0.0)) & odd);
  return select(signed, pow(a, b), (a < V(0.0)) & (floor(b) != b));
}
