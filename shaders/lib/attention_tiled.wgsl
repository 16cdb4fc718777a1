// Attention of ROWS query rows by a workgroup of 2 · ROWS invocations, with tiles of keys and values in workgroup memory
// (16 KiB in all): the form for GPUs. An invocation takes 4 rows x 4 keys of the scores, and 4 rows x D / 8 of the output.
// Needs alias T, const D, ROWS, q, stream_a (keys), stream_b (values), o, lse, p.d4, p.lq, p.lk, p.scale (· log2 e).
const LOWEST: f32 = -3.0e38; // WGSL may assume that infinities never occur
const LN2: f32 = 0.6931471805599453;
const LANES: u32 = 2u * ROWS;
const TILE: u32 = 512u; // vec4 of a tile: 32 keys of 64 numbers

var<workgroup> tile: array<vec4f, TILE>; // keys, then values
var<workgroup> weights: array<vec4f, ROWS * 8u>; // 32 scores, then weights, of each row

var<private> o_tile: array<mat4x4f, (D + 31u) / 32u>; // columns are query rows; entry i holds numbers 4 (tx + 8 i) …
var<private> row_top: vec4f;
var<private> row_sum: vec4f;
var<private> row_first: u32;
var<private> key_base: u32;
var<private> tx: u32; // 0 … 7: four keys of the scores, a column of the output
var<private> row_at: u32; // first of the four rows within the workgroup
var<private> q_at: vec4u;
var<private> me: u32;

fn begin(head: u32, first_row: u32, lane: u32) {
  me = lane;
  tx = lane & 7u;
  row_at = (lane >> 3u) * 4u;
  row_first = first_row + row_at;
  key_base = head * p.lk;
  row_top = vec4f(LOWEST);
  q_at = (vec4u(head * p.lq) + min(vec4u(row_first) + vec4u(0u, 1u, 2u, 3u), vec4u(p.lq - 1u))) * p.d4;
}

/// Keys are stored turned by key / 4, so that the eight readers of a column hit different banks.
fn turned(c: u32, key: u32) -> u32 {
  let at = c + (key >> 2u) % p.d4;
  return select(at, at - p.d4, at >= p.d4);
}
fn top_of(row: u32, count: u32) -> f32 {
  var top = vec4f(LOWEST);
  for (var g = 0u; g < count; g++) { top = max(top, weights[row * 8u + g]); }
  return max(max(top.x, top.y), max(top.z, top.w));
}
fn masked(s: vec4f, key: vec4u, limit: u32) -> vec4f {
  return select(vec4f(LOWEST), s, key < vec4u(limit));
}

/// Online-softmax attention over the keys [start, end), which must be the same for the whole workgroup.
fn attend(start: u32, end: u32) {
  let span = min(32u, (TILE / p.d4) & ~3u); // keys of a tile
  for (var j = start; j < end; j += span) {
    workgroupBarrier(); // the last tile's readers are done
    for (var i = me; i < span * p.d4; i += LANES) {
      let key = i / p.d4;
      let c = i - key * p.d4;
      tile[key * p.d4 + turned(c, key)] = vec4f(stream_a[(key_base + min(j + key, end - 1u)) * p.d4 + c]);
    }
    workgroupBarrier();
    let used = 4u * tx < span;
    var s = mat4x4f();
    if (used) {
      let at = 4u * tx * p.d4;
      for (var c = 0u; c < p.d4; c++) {
        let here = at + turned(c, 4u * tx);
        let k4 = mat4x4f(tile[here], tile[here + p.d4], tile[here + 2u * p.d4], tile[here + 3u * p.d4]);
        s += transpose(k4) * mat4x4f(vec4f(q[q_at.x + c]), vec4f(q[q_at.y + c]), vec4f(q[q_at.z + c]), vec4f(q[q_at.w + c]));
      }
      s = p.scale * s;
      let key = vec4u(j + 4u * tx) + vec4u(0u, 1u, 2u, 3u);
      var limit = vec4u(end);
      if (CAUSAL) { limit = min(limit, vec4u(row_first + 1u + p.lk - p.lq) + vec4u(0u, 1u, 2u, 3u)); }
      s = mat4x4f(masked(s[0], key, limit.x), masked(s[1], key, limit.y), masked(s[2], key, limit.z), masked(s[3], key, limit.w));
      put(s);
    }
    workgroupBarrier();
    let quads = span / 4u;
    let top = max(row_top, vec4f(top_of(row_at, quads), top_of(row_at + 1u, quads), top_of(row_at + 2u, quads), top_of(row_at + 3u, quads)));
    let shrink = exp2(row_top - top);
    row_top = top;
    row_sum *= shrink;
    for (var i = 0u; i < (D + 31u) / 32u; i++) {
      let t = o_tile[i];
      o_tile[i] = mat4x4f(t[0] * shrink.x, t[1] * shrink.y, t[2] * shrink.z, t[3] * shrink.w);
    }
    workgroupBarrier(); // all have read the scores
    if (used) { put(mat4x4f(exp2(s[0] - top.x), exp2(s[1] - top.y), exp2(s[2] - top.z), exp2(s[3] - top.w))); }
    for (var i = me; i < span * p.d4; i += LANES) {
      let key = i / p.d4;
      tile[i] = vec4f(stream_b[(key_base + min(j + key, end - 1u)) * p.d4 + i - key * p.d4]);
    }
    workgroupBarrier();
    for (var g = 0u; g < quads; g++) {
      let at = row_at * 8u + g;
      let w = mat4x4f(weights[at], weights[at + 8u], weights[at + 16u], weights[at + 24u]);
      let t = transpose(w);
      row_sum += (t[0] + t[1]) + (t[2] + t[3]);
      for (var i = 0u; i < (D + 31u) / 32u; i++) {
        let c = tx + 8u * i;
        if (c < p.d4) {
          let v_at = 4u * g * p.d4 + c;
          o_tile[i] += mat4x4f(tile[v_at], tile[v_at + p.d4], tile[v_at + 2u * p.d4], tile[v_at + 3u * p.d4]) * w;
        }
      }
    }
  }
}

fn put(s: mat4x4f) {
  let at = row_at * 8u + tx;
  weights[at] = s[0];
  weights[at + 8u] = s[1];
  weights[at + 16u] = s[2];
  weights[at + 24u] = s[3];
}

/// Writes o = o / sum and the natural log-sum-exp of the rows below lq. A row that saw no key gets zeros and LOWEST.
fn finish(head: u32) {
  let sum = select(row_sum, vec4f(1.0), row_sum == vec4f());
  let inverse = 1.0 / sum;
  let log_sum = select(row_top * LN2 + log(sum), vec4f(LOWEST), row_sum == vec4f());
  for (var r = 0u; r < 4u; r++) {
    let row = row_first + r;
    if (row >= p.lq) { break; }
    let at = head * p.lq + row;
    if (tx == 0u) { lse[at] = log_sum[r]; }
    for (var i = 0u; i < (D + 31u) / 32u; i++) {
      let c = tx + 8u * i;
      if (c < p.d4) { o[at * p.d4 + c] = vec4<T>(o_tile[i][r] * inverse[r]); }
    }
  }
}
