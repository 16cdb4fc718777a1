// dq = scale · Σ_keys w (dy·v - delta) k with w = exp(s - lse): gradient of attention for the queries, one pass over keys.
// For long rows, whose ds are not kept. Reads q, k, v, dy, terms (ops/attention_delta); writes dq, laid out as q.
// One workgroup = 4 · LANES query rows of one head.
#import lib/attention_load_rows
#import lib/attention_values_rows
#import lib/grid
#import lib/attention_scores
alias T = f32;
const D: u32 = 64u; // room for rows of up to D numbers; p.d4 says how many there are
const LANES: u32 = 16u;

struct Params {
  first_group: u32, groups: u32, lq: u32, lk: u32, d4: u32, scale: f32,
  heads: u32, group: u32, slots: u32, k_slot: u32, v_shift: u32, causal: u32, // lib/attention_layout_packed
}

@group(0) @binding(0) var<storage, read> q: array<vec4<T>>;
@group(0) @binding(1) var<storage, read> stream_a: array<vec4<T>>; // k
@group(0) @binding(2) var<storage, read> stream_b: array<vec4<T>>; // v
@group(0) @binding(3) var<storage, read> dy: array<vec4<T>>;
@group(0) @binding(4) var<storage, read> terms: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> dq: array<vec4<T>>;
@group(0) @binding(6) var<uniform> p: Params;

var<private> dy_tile: array<mat4x4f, D / 4u>; // columns are query rows
var<private> dq_tile: array<mat4x4f, D / 4u>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let per_head = (p.lq + 4u * LANES - 1u) / (4u * LANES);
  let head = group / per_head;
  let first = (group % per_head) * 4u * LANES;
  begin(head, first + 4u * lane);
  let token = min(vec4u(row_first) + vec4u(0u, 1u, 2u, 3u), vec4u(p.lq - 1u));
  let rows = vec4u(head * p.lq) + token;
  row_top = vec4f(terms[rows.x].x, terms[rows.y].x, terms[rows.z].x, terms[rows.w].x);
  let shift = vec4f(terms[rows.x].y, terms[rows.y].y, terms[rows.z].y, terms[rows.w].y);
  let at = (vec4u(o_row(head)) + token * o_step()) * p.d4;
  for (var c = 0u; c < p.d4; c++) {
    dy_tile[c] = mat4x4f(vec4f(dy[at.x + c]), vec4f(dy[at.y + c]), vec4f(dy[at.z + c]), vec4f(dy[at.w + c]));
  }
  var end = p.lk;
  if (causal()) { end = min(end, first + 4u * LANES + p.lk - p.lq); }
  for (var j = 0u; j < end; j += STEP) {
    let w = fixed_weights(scores(j, end));
    absorb(w.a, shift, j, end);
    if (WIDE) { absorb(w.b, shift, j + 4u, end); }
  }
  let back = p.scale * LN2; // p.scale carries log2 e
  for (var i = 0u; i < 4u; i++) {
    if (row_first + i >= p.lq) { break; }
    let to = (q_row(head) + (row_first + i) * row_step()) * p.d4;
    for (var c = 0u; c < p.d4; c++) { dq[to + c] = vec4<T>(dq_tile[c][i] * back); }
  }
}

/// Adds what the keys j … j + 3 give, of weights `w` (columns are query rows).
fn absorb(w: mat4x4f, shift: vec4f, j: u32, end: u32) {
  let at = tile_at(key_base, j, end);
  let value_at = tile_at(key_base + value_shift(), j, end);
  var dw = mat4x4f();
  for (var c = 0u; c < p.d4; c++) { dw += transpose(b_tile(value_at, c)) * dy_tile[c]; }
  let ds = mat4x4f(w[0] * (dw[0] - shift.x), w[1] * (dw[1] - shift.y), w[2] * (dw[2] - shift.z), w[3] * (dw[3] - shift.w));
  for (var c = 0u; c < p.d4; c++) { dq_tile[c] += a_tile(at, c) * ds; }
}
