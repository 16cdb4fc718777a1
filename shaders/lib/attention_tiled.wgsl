// Scores of ROWS query rows by a workgroup of 2 · ROWS invocations, with tiles of keys in workgroup memory: the form for
// GPUs. An invocation takes 4 rows x 4 keys of the scores. Tiles and weights take 16 KiB in all.
// Needs alias T, const D, ROWS, q, stream_a (keys), p.d4, p.lq, p.lk, p.scale (· log2 e).
#import lib/attention_layout
const LOWEST: f32 = -3.0e38; // WGSL may assume that infinities never occur
const LOG2E: f32 = 1.4426950408889634;
const LANES: u32 = 2u * ROWS;
const TILE: u32 = 512u; // vec4 of a tile: 32 keys of 64 numbers

var<workgroup> tile: array<vec4f, TILE>; // keys, then values
var<workgroup> weights: array<vec4f, ROWS * 8u>; // 32 scores, then weights, of each row

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
  key_base = k_row(head);
  row_top = vec4f(LOWEST);
  row_sum = vec4f();
  q_at = (vec4u(q_row(head)) + min(vec4u(row_first) + vec4u(0u, 1u, 2u, 3u), vec4u(p.lq - 1u)) * row_step()) * p.d4;
}

/// Keys are stored turned by key / 4, so that the eight readers of a column hit different banks.
fn turned(c: u32, key: u32) -> u32 {
  let at = c + (key >> 2u) % p.d4;
  return select(at, at - p.d4, at >= p.d4);
}
fn masked(s: vec4f, key: vec4u, limit: u32) -> vec4f {
  return select(vec4f(LOWEST), s, key < vec4u(limit));
}

/// Keys of a tile.
fn tile_span() -> u32 { return min(32u, (TILE / p.d4) & ~3u); }

/// Brings the keys j … j + span - 1 into the tile; those at or past `end` repeat the last one.
fn load_keys(j: u32, end: u32, span: u32) {
  workgroupBarrier(); // the last tile's readers are done
  for (var i = me; i < span * p.d4; i += LANES) {
    let key = i / p.d4;
    let c = i - key * p.d4;
    tile[key * p.d4 + turned(c, key)] = vec4f(stream_a[(key_base + min(j + key, end - 1u) * row_step()) * p.d4 + c]);
  }
  workgroupBarrier();
}

/// Scaled scores of this lane's four keys of the tile, in powers of two; keys at or past `end` (and future ones) are LOWEST.
fn tile_scores(j: u32, end: u32) -> mat4x4f {
  let at = 4u * tx * p.d4;
  var s = mat4x4f();
  for (var c = 0u; c < p.d4; c++) {
    let here = at + turned(c, 4u * tx);
    let k4 = mat4x4f(tile[here], tile[here + p.d4], tile[here + 2u * p.d4], tile[here + 3u * p.d4]);
    s += transpose(k4) * mat4x4f(vec4f(q[q_at.x + c]), vec4f(q[q_at.y + c]), vec4f(q[q_at.z + c]), vec4f(q[q_at.w + c]));
  }
  s = p.scale * s;
  let key = vec4u(j + 4u * tx) + vec4u(0u, 1u, 2u, 3u);
  var limit = vec4u(end);
  if (causal()) { limit = min(limit, vec4u(row_first + 1u + p.lk - p.lq) + vec4u(0u, 1u, 2u, 3u)); }
  return mat4x4f(masked(s[0], key, limit.x), masked(s[1], key, limit.y), masked(s[2], key, limit.z), masked(s[3], key, limit.w));
}

/// Softmax weights against row_top as it stands.
fn weigh(s: mat4x4f) -> mat4x4f {
  return mat4x4f(exp2(s[0] - row_top.x), exp2(s[1] - row_top.y), exp2(s[2] - row_top.z), exp2(s[3] - row_top.w));
}

fn put(s: mat4x4f) {
  let at = row_at * 8u + tx;
  weights[at] = s[0];
  weights[at + 8u] = s[1];
  weights[at + 16u] = s[2];
  weights[at + 24u] = s[3];
}
