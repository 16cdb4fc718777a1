// Operands of the matmul kernels, read four values at a time (rows padded to multiples of 4 by the host) as 4 x 4 blocks.
// lib/conv2d and lib/conv2d_weights take its place: there the operands are parts of pictures. What a kernel asks for:
// base_at and inner_end of a batch entry, rows_at and cols_at of four rows and columns (once), inner_at of four inner
// indices (once a step), load_a and load_b, store_row.
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

alias Base = vec2u;
alias Rows = u32;
alias Cols = u32;
alias Inner = u32;

// Offsets of batch entry `index` in a and b, in vec4.
fn base_at(index: u32) -> Base {
  let w = index % p.batch.w;
  let z = index / p.batch.w % p.batch.z;
  let y = index / p.batch.w / p.batch.z % p.batch.y;
  let x = index / p.batch.w / p.batch.z / p.batch.y;
  let at = vec4u(x, y, z, w);
  return vec2u(dot(at, p.a_batch), dot(at, p.b_batch));
}

fn inner_end(base: Base) -> u32 { return p.k4; }
fn rows_at(base: Base, row: u32) -> Rows { return row; }
fn cols_at(col: u32) -> Cols { return col; }
fn inner_at(base: Base, k: u32) -> Inner { return k; }

// Rows row … row + 3 of op(a) at inner indices 4·k … 4·k + 3; matrix column i is row i. Rows past the end repeat the
// last one: their results are never stored.
fn load_a(base: Base, row: Rows, k: Inner) -> mat4x4f {
  let turned = TURNED && p.transpose_a != 0u;
  var at = base.x + k + min(row + FOUR, vec4u(p.m - 1u)) * p.lda;
  if (turned) { at = base.x + 4u * k * p.lda + min(row / 4u, p.lda - 1u) + FOUR * p.lda; }
  let block = mat4x4f(vec4f(a[at.x]), vec4f(a[at.y]), vec4f(a[at.z]), vec4f(a[at.w]));
  if (turned) { return transpose(block); }
  return block;
}

// Inner indices 4·k … 4·k + 3 of op(b) at columns col … col + 3; matrix column i is inner index i.
fn load_b(base: Base, k: Inner, col: Cols) -> mat4x4f {
  let turned = TURNED && p.transpose_b != 0u;
  var at = base.y + 4u * k * p.ldb + min(col / 4u, p.ldb - 1u) + FOUR * p.ldb;
  if (turned) { at = base.y + k + min(col + FOUR, vec4u(p.n - 1u)) * p.ldb; }
  let block = mat4x4f(vec4f(b[at.x]), vec4f(b[at.y]), vec4f(b[at.z]), vec4f(b[at.w]));
  if (turned) { return transpose(block); }
  return block;
}

fn store_row(index: u32, row: u32, col: u32, value: vec4f) {
  if (row >= p.m) { return; }
  let start = (index * p.m + row) * p.n;
  for (var j = 0u; j < min(4u, p.n - min(p.n, col)); j++) {
    c[start + col + j] = R(finish(value[j], start + col + j, col + j));
  }
}
