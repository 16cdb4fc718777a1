// Operands of the matmul kernels, read four values at a time (rows padded to multiples of 4 by the host) as 4 x 4 blocks.
#import lib/matmul_epilogue
const TRANSPOSE_A: bool = false; // a is [k, m] instead of [m, k]
const TRANSPOSE_B: bool = false; // b is [n, k] instead of [k, n]

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
  scale: f32,
}

@group(0) @binding(0) var<storage, read> a: array<vec4<T>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<T>>;
@group(0) @binding(5) var<uniform> p: Params;

// Rows row … row + 3 of op(a) at inner indices 4·k … 4·k + 3; matrix column i is row i. Rows past the end repeat the
// last one: their results are never stored.
fn load_a(base: u32, row: u32, k: u32) -> mat4x4f {
  if (TRANSPOSE_A) {
    let at = base + 4u * k * p.lda + min(row / 4u, p.lda - 1u);
    return transpose(mat4x4f(vec4f(a[at]), vec4f(a[at + p.lda]), vec4f(a[at + 2u * p.lda]), vec4f(a[at + 3u * p.lda])));
  }
  let last = p.m - 1u;
  let at = base + k;
  return mat4x4f(
    vec4f(a[at + min(row, last) * p.lda]), vec4f(a[at + min(row + 1u, last) * p.lda]),
    vec4f(a[at + min(row + 2u, last) * p.lda]), vec4f(a[at + min(row + 3u, last) * p.lda]));
}

// Inner indices 4·k … 4·k + 3 of op(b) at columns col … col + 3; matrix column i is inner index i.
fn load_b(base: u32, k: u32, col: u32) -> mat4x4f {
  if (TRANSPOSE_B) {
    let last = p.n - 1u;
    let at = base + k;
    return transpose(mat4x4f(
      vec4f(b[at + min(col, last) * p.ldb]), vec4f(b[at + min(col + 1u, last) * p.ldb]),
      vec4f(b[at + min(col + 2u, last) * p.ldb]), vec4f(b[at + min(col + 3u, last) * p.ldb])));
  }
  let at = base + 4u * k * p.ldb + min(col / 4u, p.ldb - 1u);
  return mat4x4f(vec4f(b[at]), vec4f(b[at + p.ldb]), vec4f(b[at + 2u * p.ldb]), vec4f(b[at + 3u * p.ldb]));
}
