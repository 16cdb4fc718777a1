// dv = Σ_rows w dy and dk = scale · Σ_rows ds q with w = exp(s - lse), ds = w (dy·v - delta): one pass over the query rows.
// Reads q, dy [H, lq, D], k, v [H, lk, D], terms (ops/attention_delta); writes dk, dv and, where it is kept for
// ops/attention_backward_keys, ds [H, lq, 4 · ds4]. One workgroup = 4 · LANES keys of one head, so no two invocations
// write the same number and no atomics are needed.
#import lib/attention_load_rows
#import lib/attention_values_rows
#import lib/grid
#import lib/attention_layout
alias T = f32;
const D: u32 = 64u; // room for rows of up to D numbers; p.d4 says how many there are
const LANES: u32 = 16u;
const LN2: f32 = 0.6931471805599453;

struct Params {
  first_group: u32, groups: u32, lq: u32, lk: u32, d4: u32, scale: f32,
  heads: u32, group: u32, slots: u32, k_slot: u32, v_shift: u32, causal: u32, // lib/attention_layout_packed
  packed: u32, // 1: the gradient of values goes behind that of keys, into dk
  ds4: u32, // 0: ds is not kept
}

@group(0) @binding(0) var<storage, read> stream_a: array<vec4<T>>; // q
@group(0) @binding(1) var<storage, read> stream_b: array<vec4<T>>; // dy
@group(0) @binding(2) var<storage, read> k: array<vec4<T>>;
@group(0) @binding(3) var<storage, read> v: array<vec4<T>>;
@group(0) @binding(4) var<storage, read> terms: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> dk: array<vec4<T>>;
@group(0) @binding(6) var<storage, read_write> dv: array<vec4<T>>;
@group(0) @binding(7) var<storage, read_write> kept: array<vec4f>; // ds
@group(0) @binding(8) var<uniform> p: Params;

var<private> k_tile: array<mat4x4f, D / 4u>; // columns are keys
var<private> v_tile: array<mat4x4f, D / 4u>;
var<private> dk_tile: array<mat4x4f, D / 4u>;
var<private> dv_tile: array<mat4x4f, D / 4u>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  load_begin();
  let per_head = (p.lk + 4u * LANES - 1u) / (4u * LANES);
  let head = group / per_head * p.group; // the first query head of those that share this key head
  let first = (group % per_head) * 4u * LANES;
  let key = first + 4u * lane;
  let token = min(vec4u(key) + vec4u(0u, 1u, 2u, 3u), vec4u(p.lk - 1u));
  let at = (vec4u(k_row(head)) + token * row_step()) * p.d4;
  let value_at = at + vec4u(value_shift() * p.d4);
  for (var c = 0u; c < p.d4; c++) {
    k_tile[c] = p.scale * mat4x4f(vec4f(k[at.x + c]), vec4f(k[at.y + c]), vec4f(k[at.z + c]), vec4f(k[at.w + c]));
    v_tile[c] = mat4x4f(vec4f(v[value_at.x + c]), vec4f(v[value_at.y + c]), vec4f(v[value_at.z + c]), vec4f(v[value_at.w + c]));
  }
  var start = 0u;
  if (causal()) { start = max(first, p.lk - p.lq) - (p.lk - p.lq); } // earlier rows see none of these keys
  for (var h = head; h < head + p.group; h++) {
    for (var i = start; i < p.lq; i += 4u) { absorb(h, i, key); }
  }
  let back = p.scale * LN2; // p.scale carries log2 e
  for (var i = 0u; i < 4u; i++) {
    if (key + i >= p.lk) { break; }
    for (var c = 0u; c < p.d4; c++) {
      dk[at[i] + c] = vec4<T>(dk_tile[c][i] * back);
      if (p.packed == 1u) { dk[value_at[i] + c] = vec4<T>(dv_tile[c][i]); } else { dv[at[i] + c] = vec4<T>(dv_tile[c][i]); }
    }
  }
}

/// Adds what the query rows i … i + 3 give. Tiles of weights have keys as columns and query rows as components.
fn absorb(head: u32, i: u32, key: u32) {
  let at = tile_at(q_row(head), i, p.lq);
  let dy_at = tile_of(o_row(head), i, p.lq, o_step());
  let row = vec4u(i) + vec4u(0u, 1u, 2u, 3u);
  let term = vec4u(head * p.lq) + min(row, vec4u(p.lq - 1u));
  let top = vec4f(terms[term.x].x, terms[term.y].x, terms[term.z].x, terms[term.w].x);
  let shift = vec4f(terms[term.x].y, terms[term.y].y, terms[term.z].y, terms[term.w].y);
  var s = mat4x4f();
  var dw = mat4x4f();
  for (var c = 0u; c < p.d4; c++) {
    s += transpose(a_tile(at, c)) * k_tile[c];
    dw += transpose(b_tile(dy_at, c)) * v_tile[c];
  }
  let w = mat4x4f(weights(s[0], top, row, key), weights(s[1], top, row, key + 1u),
                  weights(s[2], top, row, key + 2u), weights(s[3], top, row, key + 3u));
  let ds = mat4x4f(w[0] * (dw[0] - shift), w[1] * (dw[1] - shift), w[2] * (dw[2] - shift), w[3] * (dw[3] - shift));
  for (var c = 0u; c < p.d4; c++) {
    dv_tile[c] += b_tile(dy_at, c) * w;
    dk_tile[c] += a_tile(at, c) * ds;
  }
  if (key < 4u * p.ds4) {
    var rows = transpose(ds); // indexed by a number that the loop counts
    for (var r = 0u; r < min(4u, p.lq - i); r++) { kept[(head * p.lq + i + r) * p.ds4 + key / 4u] = rows[r]; }
  }
}

/// Softmax weights of one key for four query rows; 0 for rows past the end and rows that do not see the key.
fn weights(s: vec4f, top: vec4f, row: vec4u, key: u32) -> vec4f {
  var seen = row < vec4u(p.lq);
  if (causal()) { seen = seen & (vec4u(key) <= row + vec4u(p.lk - p.lq)); }
  return select(vec4f(), exp2(s - top), seen);
}
