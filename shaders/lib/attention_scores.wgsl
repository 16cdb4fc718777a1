// Scores and softmax weights that all attention kernels share: four query rows per invocation, STEP keys, no barrier.
// Matrices hold a 4 x 4 tile: columns are query rows, components are keys (scores) or numbers of a row (q, o).
// Imported after a loader; needs alias T, const D, q, stream_a (keys), p.d4 (= D / 4), p.lq, p.lk, p.scale (· log2 e).
// The loops run to p.d4, not to a constant: drivers that unroll them take minutes to compile.
#import lib/attention_layout
const LOWEST: f32 = -3.0e38; // WGSL may assume that infinities never occur
const LN2: f32 = 0.6931471805599453;
const LOG2E: f32 = 1.4426950408889634;
const WIDE: bool = STEP == 8u;

struct Scores { a: mat4x4f, b: mat4x4f } // keys j … j + 3 and, when WIDE, j + 4 … j + 7

var<private> q_tile: array<mat4x4f, D / 4u>;
var<private> row_top: vec4f; // reference exponent of each row, in powers of two
var<private> row_sum: vec4f;
var<private> row_first: u32; // first of this invocation's four rows, within the head
var<private> key_base: u32; // first key row of the head

fn exp2_columns(s: mat4x4f, top: vec4f) -> mat4x4f {
  return mat4x4f(exp2(s[0] - top.x), exp2(s[1] - top.y), exp2(s[2] - top.z), exp2(s[3] - top.w));
}
fn column_sums(s: mat4x4f) -> vec4f {
  let t = transpose(s);
  return (t[0] + t[1]) + (t[2] + t[3]);
}

/// Sets up four rows of one head. Rows at or past lq repeat the last one; `finish` does not write them.
fn begin(head: u32, first_row: u32) {
  load_begin();
  row_first = first_row;
  key_base = k_row(head);
  row_top = vec4f(LOWEST);
  row_sum = vec4f();
  let at = (vec4u(q_row(head)) + min(vec4u(first_row) + vec4u(0u, 1u, 2u, 3u), vec4u(p.lq - 1u)) * row_step()) * p.d4;
  for (var c = 0u; c < p.d4; c++) {
    q_tile[c] = p.scale * mat4x4f(vec4f(q[at.x + c]), vec4f(q[at.y + c]), vec4f(q[at.z + c]), vec4f(q[at.w + c]));
  }
}

fn mask_keys(s: mat4x4f, j: u32, end: u32) -> mat4x4f {
  let key = vec4u(j) + vec4u(0u, 1u, 2u, 3u);
  var limit = vec4u(end);
  if (causal()) { limit = min(limit, vec4u(row_first + 1u + p.lk - p.lq) + vec4u(0u, 1u, 2u, 3u)); }
  let low = vec4f(LOWEST);
  return mat4x4f(select(low, s[0], key < vec4u(limit.x)), select(low, s[1], key < vec4u(limit.y)),
                 select(low, s[2], key < vec4u(limit.z)), select(low, s[3], key < vec4u(limit.w)));
}

/// Scaled scores, in powers of two, of keys j … j + STEP - 1; keys at or past `end` (and future ones) are LOWEST.
fn scores(j: u32, end: u32) -> Scores {
  let at = tile_at(key_base, j, end);
  var s: Scores;
  if (WIDE) {
    let next = tile_at(key_base, j + 4u, end);
    for (var c = 0u; c < p.d4; c++) {
      s.a += transpose(a_tile(at, c)) * q_tile[c];
      s.b += transpose(a_tile(next, c)) * q_tile[c];
    }
  } else {
    for (var c = 0u; c < p.d4; c++) { s.a += transpose(a_tile(at, c)) * q_tile[c]; }
  }
  if (causal() || j + STEP > end) {
    s.a = mask_keys(s.a, j, end);
    if (WIDE) { s.b = mask_keys(s.b, j + 4u, end); }
  }
  return s;
}

/// Softmax weights against row_top as it stands; adds them to row_sum.
fn fixed_weights(s: Scores) -> Scores {
  var w: Scores;
  w.a = exp2_columns(s.a, row_top);
  row_sum += column_sums(w.a);
  if (WIDE) {
    w.b = exp2_columns(s.b, row_top);
    row_sum += column_sums(w.b);
  }
  return w;
}
