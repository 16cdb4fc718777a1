// Activations and their derivatives in f32: relu, gelu (exact, tanh, quick), silu. Pure functions, no bindings.

// exp(t²)·erfc(t) for t ≥ 0, relative error 3e-7 in f32: s·P(s), s = 1 / (1 + 0.4 t), a least-squares fit whose
// weights were raised where the relative error was largest (6e-9 before rounding to f32).
fn erfcx_positive(t: f32) -> f32 {
  let s = 1.0 / (1.0 + 0.4 * t);
  var y = -0.02921823225915432;
  y = y * s + 0.14046289026737213;
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

// erf(x), relative error about 3e-7: an odd polynomial near zero, 1 - erfc elsewhere.
fn erf(x: f32) -> f32 {
  let t = min(abs(x), 6.0); // erf(6) rounds to 1
  let s = t * t;
  if (t < 0.93) {
    var y = 8.316557796206325e-5;
    y = y * s - 0.0008129968191497028;
    y = y * s + 0.00519990362226963;
    y = y * s - 0.026858940720558167;
    y = y * s + 0.11283687502145767;
    y = y * s - 0.37612631916999817;
    y = y * s + 0.12837916612625122;
    return x + x * y;
  }
  return sign(x) * (1.0 - exp(-s) * erfcx_positive(t));
}

// Φ(x), the normal distribution function. The lower tail keeps its relative accuracy, which 0.5·(1 + erf) loses.
fn normal_cdf(x: f32) -> f32 {
  let t = min(abs(x) * 0.7071067811865476, 9.0); // exp(-81) is still a normal f32
  let tail = 0.5 * exp(-t * t) * erfcx_positive(t);
  return select(1.0 - tail, tail, x < 0.0);
}

// φ(x), the normal density.
fn normal_pdf(x: f32) -> f32 {
  let t = min(abs(x), 12.8);
  return 0.3989422804014327 * exp(-0.5 * t * t);
}

// 1 / (1 + exp(-x)). The clamp keeps exp finite; at -80 the result is 2e-35.
fn sigmoid(x: f32) -> f32 { return 1.0 / (1.0 + exp(min(-x, 80.0))); }

// Argument 2u of the tanh form: 0.5·(1 + tanh u) = sigmoid(2u). Saturated far inside ±20, where x³ is still finite.
fn gelu_tanh_inner(x: f32) -> f32 {
  let v = clamp(x, -20.0, 20.0);
  return 1.5957691216057308 * (v + 0.044715 * v * v * v);
}

fn relu(x: f32) -> f32 { return max(x, 0.0); }
fn gelu_exact(x: f32) -> f32 { return x * normal_cdf(x); }
fn gelu_tanh(x: f32) -> f32 { return x * sigmoid(gelu_tanh_inner(x)); }
fn quick_gelu(x: f32) -> f32 { return x * sigmoid(1.702 * x); }
fn silu(x: f32) -> f32 { return x * sigmoid(x); }

fn relu_derivative(x: f32) -> f32 { return select(0.0, 1.0, x > 0.0); }
fn gelu_exact_derivative(x: f32) -> f32 { return normal_cdf(x) + x * normal_pdf(x); }
fn gelu_tanh_derivative(x: f32) -> f32 {
  let s = sigmoid(gelu_tanh_inner(x));
  let v = clamp(x, -20.0, 20.0);
  return s + v * s * (1.0 - s) * 1.5957691216057308 * (1.0 + 0.134145 * v * v);
}
fn quick_gelu_derivative(x: f32) -> f32 {
  let s = sigmoid(1.702 * x);
  return s + 1.702 * x * s * (1.0 - s);
}
fn silu_derivative(x: f32) -> f32 {
  let s = sigmoid(x);
  return s + x * s * (1.0 - s);
}
