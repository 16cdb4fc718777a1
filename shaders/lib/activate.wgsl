// One of the activations, chosen by a constant, and its derivative. The order is that of src/ops/unary-functions.ts.
#import lib/activation
const FUNCTION: u32 = 0u; // relu, gelu, gelu-tanh, quick-gelu, silu, sigmoid, tanh; beyond: the identity

fn activate(v: V) -> V {
  switch (FUNCTION) {
    case 0u: { return relu(v); }
    case 1u: { return gelu_exact(v); }
    case 2u: { return gelu_tanh(v); }
    case 3u: { return quick_gelu(v); }
    case 4u: { return silu(v); }
    case 5u: { return sigmoid(v); }
    case 6u: { return tanh_accurate(v); }
    default: { return v; }
  }
}

fn activate_derivative(v: V) -> V {
  switch (FUNCTION) {
    case 0u: { return relu_derivative(v); }
    case 1u: { return gelu_exact_derivative(v); }
    case 2u: { return gelu_tanh_derivative(v); }
    case 3u: { return quick_gelu_derivative(v); }
    case 4u: { return silu_derivative(v); }
    case 5u: { return sigmoid_derivative(v); }
    case 6u: { return tanh_derivative(v); }
    default: { return V(1.0); }
  }
}
