// dq = scale · Σ_keys ds k: gradient of attention for the queries, from the ds that ops/attention_backward_kv kept.
// Reads k and ds [H, lq, 4 · ds4] f32; writes dq, laid out as q. One workgroup = 4 · LANES query rows of one head.
#import lib/attention_load_rows
#import lib/grid
#import lib/attention_layout
alias T = f32;
const D: u32 = 64u; // room for rows of up to D numbers; p.d4 says how many there are
const LANES: u32 = 16u;
const LN2: f32 = 0.6931471805599453;

struct Params {
  first_group: u32, groups: u32, lq: u32, lk: u32, d4: u32, scale: f32,
  heads: u32, group: u32, slots: u32, k_slot: u32, v_shift: u32, causal: u32, // lib/attention_layout_packed
  ds4: u32,
}

@group(0) @binding(0) var<storage, read> stream_a: array<vec4<T>>; // k
@group(0) @binding(1) var<storage, read> ds: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dq: array<vec4<T>>;
@group(0) @binding(3) var<uniform> p: Params;

var<private> dq_tile: array<mat4x4f, D / 4u>; // columns are query rows
var<private> ds_row: vec4u; // where the ds of this invocation's four rows start
var<private> limit: vec4u; // keys at or past it were not seen

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  load_begin();
  let per_head = (p.lq + 4u * LANES - 1u) / (4u * LANES);
  let head = group / per_head;
  let first = (group % per_head) * 4u * LANES;
  let row_first = first + 4u * lane;
  let row = min(vec4u(row_first) + vec4u(0u, 1u, 2u, 3u), vec4u(p.lq - 1u));
  ds_row = (vec4u(head * p.lq) + row) * p.ds4;
  limit = vec4u(p.lk);
  var end = p.lk;
  if (causal()) {
    limit = min(limit, row + vec4u(1u + p.lk - p.lq));
    end = min(end, first + 4u * LANES + p.lk - p.lq);
  }
  let keys = k_row(head);
  for (var j = 0u; j < end; j += STEP) {
    absorb(keys, j, end);
    if (STEP == 8u) { absorb(keys, j + 4u, end); }
  }
  let back = p.scale * LN2; // p.scale carries log2 e
  for (var i = 0u; i < 4u; i++) {
    if (row_first + i >= p.lq) { break; }
    let to = (q_row(head) + (row_first + i) * row_step()) * p.d4;
    for (var c = 0u; c < p.d4; c++) { dq[to + c] = vec4<T>(dq_tile[c][i] * back); }
  }
}

/// Adds what the keys j … j + 3 give. Places of ds for keys that a row did not see hold anything.
fn absorb(keys: u32, j: u32, end: u32) {
  let at = tile_at(keys, j, end);
  let key = vec4u(j) + vec4u(0u, 1u, 2u, 3u);
  let source = ds_row + vec4u(min(j / 4u, p.ds4 - 1u));
  let tile = mat4x4f(select(vec4f(), ds[source.x], key < vec4u(limit.x)), select(vec4f(), ds[source.y], key < vec4u(limit.y)),
                     select(vec4f(), ds[source.z], key < vec4u(limit.z)), select(vec4f(), ds[source.w], key < vec4u(limit.w)));
  for (var c = 0u; c < p.d4; c++) { dq_tile[c] += a_tile(at, c) * tile; }
}
