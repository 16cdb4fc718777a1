// Operands of the matmul kernels, read four values at a time (rows padded to multiples of 4 by the host) as 4 x 4 blocks.
#import lib/matmul_epilogue
/// True when an operand is stored transposed. The three cases share a kernel: few kernels are soon compiled. The case
/// without any has its own, since asking costs half of the speed on some software adapters.
const TURNED: bool = false;

struct Params {
  batch: vec4u, // row-major shape of the batch
  a_batch: vec4u, // strides of a and b along the batch, in vec4
  b_batch: vec4u,
  first_group: u32,
  groups: u32,
  m: u32,
  n: u32,
  k4: u32, // ceil(k / 4)
  lda: u32, // row strides in vec4
  ldb: u32,
  transpose_a: u32, // 1: a is [k, m] instead of [m, k]
  transpose_b: u32, // 1: b is [n, k] instead of [k, n]
  activation: u32, // see lib/matmul_epilogue
  use_bias: u32,
  use_residual: u32,
  extra: u32, // see lib/matmul_extra
  scale: f32,
}

@group(0) @binding(0) var<storage, read> a: array<vec4<T>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<T>>;
@group(0) @binding(5) var<uniform> p: Params;

const FOUR: vec4u = vec4u(0u, 1u, 2u, 3u);

// Rows row … row + 3 of op(a) at inner indices 4·k … 4·k + 3; matrix column i is row i. Rows past the end repeat the
// last one: their results are never stored.
fn load_a(base: u32, row: u32, k: u32) -> mat4x4f {
  let turned = TURNED && p.transpose_a != 0u;
  var at = base + k + min(row + FOUR, vec4u(p.m - 1u)) * p.lda;
  if (turned) { at = base + 4u * k * p.lda + min(row / 4u, p.lda - 1u) + FOUR * p.lda; }
  let block = mat4x4f(vec4f(a[at.x]), vec4f(a[at.y]), vec4f(a[at.z]), vec4f(a[at.w]));
  if (turned) { return transpose(block); }
  return block;
}

// Inner indices 4·k … 4·k + 3 of op(b) at columns col … col + 3; matrix column i is inner index i.
fn load_b(base: u32, k: u32, col: u32) -> mat4x4f {
  let turned = TURNED && p.transpose_b != 0u;
  var at = base + 4u * k * p.ldb + min(col / 4u, p.ldb - 1u) + FOUR * p.ldb;
  if (turned) { at = base + k + min(col + FOUR, vec4u(p.n - 1u)) * p.ldb; }
  let block = mat4x4f(vec4f(b[at.x]), vec4f(b[at.y]), vec4f(b[at.z]), vec4f(b[at.w]));
  if (turned) { return transpose(block); }
  return block;
}
