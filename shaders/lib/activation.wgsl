// Activations and their derivatives in f32: relu, gelu (exact, tanh, quick), silu, tanh. Pure functions, no bindings.
#import lib/width

// exp(t²)·erfc(t) for t ≥ 0, relative error 3e-7 in f32: s·P(s), s = 1 / (1 + 0.4 t), a least-squares fit whose
// weights were raised where the relative error was largest (6e-9 before rounding to f32).
fn erfcx_positive(t: V) -> V {
  let s = 1.0 / (1.0 + 0.4 * t);
  var y = -0.02921823225915432 * s + 0.14046289026737213;
  y = y * s - 0.23556315898895264;
  y = y * s + 0.1376059502363205;
  y = y * s - 0.04692894592881203;
  y = y * s + 0.08393248170614243;
  y = y * s + 0.1190035492181778;
  y = y * s + 0.1717401146888733;
  y = y * s + 0.20761366188526154;
  y = y * s + 0.22567586600780487;
  y = y * s + 0.22567583620548248;
  return y * s;
}

// Φ(x), the normal distribution function. The lower tail keeps its relative accuracy, which 0.5·(1 + erf) loses.
fn normal_cdf(x: V) -> V {
  let t = min(abs(x) * 0.7071067811865476, V(9.0)); // exp(-81) is still a normal f32
  let tail = 0.5 * exp(-t * t) * erfcx_positive(t);
  return select(1.0 - tail, tail, x < V(0.0));
}

// φ(x), the normal density.
fn normal_pdf(x: V) -> V {
  let t = min(abs(x), V(12.8));
  return 0.3989422804014327 * exp(-0.5 * t * t);
}

// 1 / (1 + exp(-x)). The clamp keeps exp finite; at -80 the result is 2e-35.
fn sigmoid(x: V) -> V { return 1.0 / (1.0 + exp(min(-x, V(80.0)))); }

// Argument 2u of the tanh form: 0.5·(1 + tanh u) = sigmoid(2u). Saturated far inside ±20, where x³ is still finite.
fn gelu_tanh_inner(x: V) -> V {
  let v = clamp(x, V(-20.0), V(20.0));
  return 1.5957691216057308 * (v + 0.044715 * v * v * v);
}

// tanh: an odd polynomial near zero keeps the relative accuracy that 1 - 2 / (exp(2|x|) + 1) loses there.
fn tanh_accurate(x: V) -> V {
  let t = min(abs(x), V(20.0));
  let v = clamp(x, V(-0.625), V(0.625));
  let s = v * v;
  let near = v + v * s * (-0.333333283662796 + s * (0.1333276927471161 + s * (-0.05385090783238411
    + s * (0.020997179672122 - s * 0.006096714176237583))));
  let far = sign(x) * (1.0 - 2.0 / (exp(2.0 * t) + 1.0));
  return select(far, near, t < V(0.625));
}

fn relu(x: V) -> V { return max(x, V(0.0)); }
fn gelu_exact(x: V) -> V { return x * normal_cdf(x); }
fn gelu_tanh(x: V) -> V { return x * sigmoid(gelu_tanh_inner(x)); }
fn quick_gelu(x: V) -> V { return x * sigmoid(1.702 * x); }
fn silu(x: V) -> V { return x * sigmoid(x); }

fn relu_derivative(x: V) -> V { return select(V(0.0), V(1.0), x > V(0.0)); }
fn gelu_exact_derivative(x: V) -> V { return normal_cdf(x) + x * normal_pdf(x); }
fn gelu_tanh_derivative(x: V) -> V {
  let s = sigmoid(gelu_tanh_inner(x));
  let v = clamp(x, V(-20.0), V(20.0));
  return s + v * s * (1.0 - s) * 1.5957691216057308 * (1.0 + 0.134145 * v * v);
}
fn quick_gelu_derivative(x: V) -> V {
  let s = sigmoid(1.702 * x);
  return s + 1.702 * x * s * (1.0 - s);
}
fn silu_derivative(x: V) -> V {
  let s = sigmoid(x);
  return s + x * s * (1.0 - s);
}
// The two products of logistic functions below keep their relative accuracy where the function itself rounds to 1.
fn sigmoid_derivative(x: V) -> V { return sigmoid(x) * sigmoid(-x); }
fn tanh_derivative(x: V) -> V { return 4.0 * sigmoid(2.0 * x) * sigmoid(-2.0 * x); }
