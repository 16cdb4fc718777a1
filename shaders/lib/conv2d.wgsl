// Operands of a convolution read as a matrix product, in place of lib/matmul. a is a picture [B, height, width, channels],
// b the weights [O, kernel_y, kernel_x, C], channels by fours. A row of the product is a place of the result, a column one
// of its channels, the inner axis runs over taps and channels: c[r, o] = Σ a[place of r, tap, i]·b[o, tap, i].
// FORWARD: the taps of place y are rows y·down − pad … of a. Else the gradient for a (a transposed convolution): the taps
// are mirrored, b is read [i, tap, o], and a counts as if zeros lay between its rows: y − pad … in steps of 1 / up. Places
// are then taken by phase, y = j·up + phase, since those of one phase meet the same taps.
#import lib/matmul_epilogue
#import lib/divide
const FORWARD: bool = true;

struct Params {
  batch: vec4u, // parts of the inner axis, phases down and across
  source: vec4u, // height, width and channels (in vec4) of a; rows of b
  grid: vec4u, // places of a phase, then of the result: down and across
  step: vec4u, // up and down: vertical and horizontal of each
  kernel: vec4u, // kernel_y, kernel_x; vec4 of a row and of a tap of b
  pad: vec4i, // above and left of a
  first_group: u32,
  groups: u32,
  m: u32, // places of a phase in all pictures
  n: u32,
  k4: u32, // inner blocks of a part
  size: u32, // values of the result
  by_channels: f32, // 1 / source.z
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

/// What all rows of a phase share.
struct Base {
  first: u32, // inner block of this part, and how many it has
  end: u32,
  tap: vec2u, // first tap that meets a value of a, down and across
  by_taps: f32, // 1 / taps across
  taps_x: u32,
  shift: vec2i, // place of that tap for j = 0
}
/// The places of the first tap of four rows. Unsigned: what lies above or left of the picture is far past its end.
struct Rows {
  y: vec4u,
  x: vec4u,
  at: vec4u,
}
struct Inner {
  tap: vec2u,
  a: u32, // from the place of the first tap to the vec4 of this one
  b: vec4u,
}
alias Cols = vec4u;

fn base_at(index: u32) -> Base {
  let phase = vec2i(vec2u(index / p.batch.w % p.batch.z, index % p.batch.w));
  let up = vec2i(p.step.xy);
  let start = phase * vec2i(p.step.zw) - p.pad.xy;
  let first = (up - start % up) % up; // never negative, though start and its remainder may be
  let taps = (vec2i(p.kernel.xy) + up - 1 - first) / up;
  let whole = u32(max(taps.x, 0) * max(taps.y, 0)) * p.source.z;
  var base = Base();
  base.first = index / p.batch.w / p.batch.z * p.k4;
  base.end = min(p.k4, whole - min(whole, base.first));
  base.tap = vec2u(first);
  base.taps_x = u32(max(taps.y, 1));
  base.by_taps = 1.0 / f32(base.taps_x);
  base.shift = (start + first) / up;
  return base;
}
fn inner_end(base: Base) -> u32 { return base.end; }

fn rows_at(base: Base, row: u32) -> Rows {
  let r = row + FOUR;
  let line = r / p.grid.y;
  let y = line % p.grid.x * p.step.z + vec4u(u32(base.shift.x));
  let x = r % p.grid.y * p.step.w + vec4u(u32(base.shift.y));
  let picture = line / p.grid.x * p.source.x;
  // Rows past the end meet no value.
  return Rows(select(vec4u(0x80000000u), y, r < vec4u(p.m)), x, ((picture + y) * p.source.y + x) * p.source.z);
}

fn cols_at(col: u32) -> Cols {
  if (FORWARD) { return min(col + FOUR, vec4u(p.n - 1u)) * p.kernel.z; }
  return vec4u(min(col / 4u, p.kernel.w - 1u));
}

fn inner_at(base: Base, k: u32) -> Inner {
  let at = base.first + k;
  let tap = divide(at, p.by_channels);
  let channel = at - tap * p.source.z;
  let y = divide(tap, base.by_taps);
  let x = tap - y * base.taps_x;
  let offset = (y * p.source.y + x) * p.source.z + channel;
  if (FORWARD) { return Inner(vec2u(y, x), offset, vec4u(at)); }
  let mirrored = p.kernel.xy - 1u - (base.tap + vec2u(y, x) * p.step.xy);
  let row = min(4u * channel + FOUR, vec4u(p.source.w - 1u));
  return Inner(vec2u(y, x), offset, row * p.kernel.z + (mirrored.x * p.kernel.y + mirrored.y) * p.kernel.w);
}

// Four places at four channels of a tap; matrix column i is row i. Places outside of the picture are zero.
fn load_a(base: Base, rows: Rows, inner: Inner) -> mat4x4f {
  let inside = (rows.y + inner.tap.x < vec4u(p.source.x)) & (rows.x + inner.tap.y < vec4u(p.source.y));
  let at = select(vec4u(), rows.at + inner.a, inside);
  return mat4x4f(
    select(vec4f(), vec4f(a[at.x]), inside.x), select(vec4f(), vec4f(a[at.y]), inside.y),
    select(vec4f(), vec4f(a[at.z]), inside.z), select(vec4f(), vec4f(a[at.w]), inside.w));
}

// Four inner indices at four columns; matrix column i is inner index i.
fn load_b(base: Base, inner: Inner, cols: Cols) -> mat4x4f {
  let at = inner.b + cols;
  let block = mat4x4f(vec4f(b[at.x]), vec4f(b[at.y]), vec4f(b[at.z]), vec4f(b[at.w]));
  if (FORWARD) { return transpose(block); }
  return block;
}

fn store_row(index: u32, row: u32, col: u32, value: vec4f) {
  if (row >= p.m) { return; }
  var place = row;
  if (!FORWARD && p.batch.z * p.batch.w > 1u) {
    let line = row / p.grid.y;
    let y = line % p.grid.x * p.step.x + index / p.batch.w % p.batch.z;
    let x = row % p.grid.y * p.step.y + index % p.batch.w;
    if (y >= p.grid.z || x >= p.grid.w) { return; }
    place = (line / p.grid.x * p.grid.z + y) * p.grid.w + x;
  }
  let start = place * p.n;
  let part = index / p.batch.w / p.batch.z * p.size;
  for (var j = 0u; j < min(4u, p.n - min(p.n, col)); j++) {
    c[part + start + col + j] = R(finish(value[j], start + col + j, col + j));
  }
}
