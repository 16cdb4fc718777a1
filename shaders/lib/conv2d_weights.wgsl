// Operands of a convolution's weight gradient read as a matrix product, in place of lib/matmul. a is the gradient of the
// result [B, height, width, O], b the picture [B, height, width, C], channels of both by fours. A row of the product is a
// channel of a, a column a tap and a channel of b, the inner axis runs over the places of a, four of one line at a time:
// c[o, tap, i] = Σ a[place, o]·b[place·down + tap − pad, i].
#import lib/matmul_epilogue
#import lib/divide

struct Params {
  batch: vec4u, // parts of the inner axis
  places: vec4u, // height and width of a, blocks of four across, channels (in vec4)
  picture: vec4u, // height and width of b, channels (in vec4, and as stored in c)
  kernel: vec4u, // kernel_y, kernel_x, steps down and across
  pad: vec4i, // above and left of b
  first_group: u32,
  groups: u32,
  m: u32,
  n: u32, // taps times whole fours of channels
  k4: u32, // inner blocks of a part
  blocks: u32, // and of all
  size: u32, // values of the result
  by_blocks: f32, // 1 / places.z and 1 / places.x
  by_height: f32,
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

alias Base = u32; // first inner block
alias Rows = u32;
/// One tap: four columns are four channels of it.
struct Cols {
  tap: vec2u,
  at: u32,
}
/// Four places of a line; `y` and `x` are those of tap 0 in b.
struct Inner {
  valid: vec4<bool>,
  a: vec4u,
  y: u32,
  x: vec4u,
  at: vec4u,
}

fn base_at(index: u32) -> Base { return index * p.k4; }
fn inner_end(base: Base) -> u32 { return min(p.k4, p.blocks - min(p.blocks, base)); }
fn rows_at(base: Base, row: u32) -> Rows { return min(row / 4u, p.places.w - 1u); }

fn cols_at(col: u32) -> Cols {
  let four = min(col, p.n - 1u) / 4u;
  let tap = four / p.picture.z;
  let y = tap / p.kernel.y;
  let x = tap % p.kernel.y;
  return Cols(vec2u(y, x), (y * p.picture.y + x) * p.picture.z + four % p.picture.z);
}

fn inner_at(base: Base, k: u32) -> Inner {
  let block = base + k;
  let line = divide(block, p.by_blocks);
  let picture = divide(line, p.by_height);
  let across = 4u * (block - line * p.places.z) + FOUR;
  let y = (line - picture * p.places.x) * p.kernel.z - u32(p.pad.x);
  let x = across * p.kernel.w - vec4u(u32(p.pad.y));
  let place = line * p.places.y + min(across, vec4u(p.places.y - 1u));
  return Inner(across < vec4u(p.places.y), place * p.places.w, y, x, ((picture * p.picture.x + y) * p.picture.y + x) * p.picture.z);
}

// Four channels of a at four places; matrix column i is channel i.
fn load_a(base: Base, row: Rows, inner: Inner) -> mat4x4f {
  let at = inner.a + row;
  return transpose(mat4x4f(
    select(vec4f(), vec4f(a[at.x]), inner.valid.x), select(vec4f(), vec4f(a[at.y]), inner.valid.y),
    select(vec4f(), vec4f(a[at.z]), inner.valid.z), select(vec4f(), vec4f(a[at.w]), inner.valid.w)));
}

// A tap of four places at four channels; matrix column i is place i. What lies outside of the picture is zero.
fn load_b(base: Base, inner: Inner, cols: Cols) -> mat4x4f {
  let inside = vec4<bool>(inner.y + cols.tap.x < p.picture.x) & (inner.x + cols.tap.y < vec4u(p.picture.y));
  let at = select(vec4u(), inner.at + cols.at, inside);
  return mat4x4f(
    select(vec4f(), vec4f(b[at.x]), inside.x), select(vec4f(), vec4f(b[at.y]), inside.y),
    select(vec4f(), vec4f(b[at.z]), inside.z), select(vec4f(), vec4f(b[at.w]), inside.w));
}

fn store_row(index: u32, row: u32, col: u32, value: vec4f) {
  if (row >= p.m || col >= p.n) { return; }
  let tap = col / 4u / p.picture.z;
  let channel = col - tap * 4u * p.picture.z;
  let start = (row * p.kernel.x * p.kernel.y + tap) * p.picture.w + channel;
  for (var j = 0u; j < min(4u, p.picture.w - min(p.picture.w, channel)); j++) {
    c[index * p.size + start + j] = R(finish(value[j], start + j, 0u));
  }
}
