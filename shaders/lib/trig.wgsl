// Sine and cosine in f32: WGSL's own may be off by 2^-11. Absolute error 1.5e-7 for |x| ≤ 65,536; beyond that the
// rounding of x itself is larger than 0.004, and the error grows with it. Pure functions, no bindings.
#import lib/width

// Polynomials for |r| ≤ π/4, interpolated at Chebyshev nodes: relative errors 2e-8 and 2e-9 before rounding to f32.
fn sine_near(r: V) -> V {
  let s = r * r;
  return r + r * s * (-0.1666666418313980 + s * (0.008332724682986736 - s * 0.00019582855748012662));
}
fn cosine_near(r: V) -> V {
  let s = r * r;
  return 1.0 - 0.5 * s + s * s * (0.0416666641831398 + s * (-0.0013888279208913445 + s * 2.4542896426282823e-5));
}

// sin(x + quarters·π/2). π/2 is subtracted in three parts; the first two have 8 bits, so that products with up to
// 2^16 quarters are exact.
fn sine_shifted(x: V, quarters: f32) -> V {
  let turn = round(x * 0.6366197466850281);
  let rest = ((x - turn * 1.5703125) - turn * 0.0004825592041015625) - turn * 1.2675908465098473e-6;
  let r = clamp(rest, V(-0.8), V(0.8)); // keeps the result within [-1, 1] where the subtraction has lost all digits
  let quadrant = turn + quarters;
  let odd = abs(quadrant - 2.0 * floor(0.5 * quadrant)) == V(1.0);
  let lower = quadrant - 4.0 * floor(0.25 * quadrant) >= V(2.0);
  let value = select(sine_near(r), cosine_near(r), odd);
  return select(value, -value, lower);
}

fn sine(x: V) -> V { return sine_shifted(x, 0.0); }
fn cosine(x: V) -> V { return sine_shifted(x, 1.0); }
