// Natural logarithm in f32 with a relative error of about 2e-7 also near 1, where WGSL's own is only held to 2^-21
// absolutely. Normal numbers above 0; other arguments give what the device's log gives. Pure functions, no bindings.
#import lib/width

// x = 2^k·(1 + f) with 1 + f within [√½, √2). With s = f / (2 + f) = tanh(½ log(1 + f)), log(1 + f) = 2s + s³·R(s²)
// = f - s·(f - s²·R): the rounding of the division enters with a weight of s only. R is interpolated at Chebyshev nodes.
fn logarithm(x: V) -> V {
  let bits = bitcast<W>(x);
  let biased = (bits - W(0x3f3504f3u) + W(0x3f800000u)) >> W(23u);
  let k = V(biased) - 127.0;
  let f = bitcast<V>(bits - ((biased - W(127u)) << W(23u))) - 1.0;
  let s = f / (2.0 + f);
  let z = s * s;
  let rest = s * (f - z * (0.6666668653488159 + z * (0.39988747239112854 + z * 0.2958148717880249)));
  // ln 2 in two parts, the first with so few bits that its product with k is exact.
  let value = k * 0.693145751953125 + (f - rest + k * 1.428606765330187e-6);
  return select(value, log(x), x <= V(0.0));
}
