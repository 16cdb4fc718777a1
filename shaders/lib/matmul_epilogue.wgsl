// Epilogue shared by the matmul kernels: c = act(scale·op(a)·op(b) + bias) + residual.
// The importing file declares the uniform `p`, with at least batch, m, n, scale, activation (none, relu, gelu, gelu-tanh,
// quick-gelu, silu), use_bias, use_residual and extra: uniforms, so that one kernel serves all epilogues.
#import lib/grid
#import lib/activation
#import lib/matmul_no_extra
alias T = f32;
alias R = f32; // element of c: T, or f32 for the partial sums of a split
alias B = T; // element of bias; see ops/matmul_finish

@group(0) @binding(2) var<storage, read> bias: array<B>;
@group(0) @binding(3) var<storage, read> residual: array<T>;
@group(0) @binding(4) var<storage, read_write> c: array<R>;

fn batch_count() -> u32 { return p.batch.x * p.batch.y * p.batch.z * p.batch.w; }

fn activate(x: f32) -> f32 {
  switch (p.activation) {
    case 1u: { return relu(x); }
    case 2u: { return gelu_exact(x); }
    case 3u: { return gelu_tanh(x); }
    case 4u: { return quick_gelu(x); }
    case 5u: { return silu(x); }
    default: { return x; }
  }
}

fn finish(sum: f32, at: u32, col: u32) -> f32 {
  var value = sum * p.scale;
  if (p.use_bias != 0u) { value += f32(bias[col]); }
  keep_argument(at, value);
  value = activate(value);
  if (p.use_residual != 0u) { value += f32(residual[at]); }
  return value;
}
