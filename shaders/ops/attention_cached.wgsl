// o = softmax(q kᵀ · scale) v for new tokens over a cache of keys and values. How much of the cache counts is read from
// `start`, so that a recorded dispatch stays right while the cache grows. Reads qkv (the queries of packed rows), cache,
// start; writes o. One workgroup = one query head of one token: lanes are keys for the scores, then columns for the values.
#import lib/grid
const LANES: u32 = 64u;
const LOWEST: f32 = -3.0e38; // WGSL may assume that infinities never occur

struct Params {
  first_group: u32, groups: u32,
  heads: u32, group: u32, kv_heads: u32, d4: u32, // `group` query heads share a key head
  scale: f32, // · log2 e
}

@group(0) @binding(0) var<storage, read> qkv: array<vec4f>; // [T, q | k | v heads]
@group(0) @binding(1) var<storage, read> cache: array<vec4f>; // [capacity, k | v heads]
@group(0) @binding(2) var<storage, read> start: array<u32>; // tokens in the cache before the first of qkv
@group(0) @binding(3) var<storage, read_write> o: array<vec4f>;
@group(0) @binding(4) var<uniform> p: Params;

var<workgroup> query: array<vec4f, LANES>; // d4 of them
var<workgroup> scores: array<f32, LANES>;
var<workgroup> weights: array<f32, LANES>;
var<workgroup> parts: array<vec4f, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let token = group / p.heads;
  let head = group % p.heads;
  if (lane < p.d4) { query[lane] = p.scale * qkv[(token * (p.heads + 2u * p.kv_heads) + head) * p.d4 + lane]; }
  workgroupBarrier();
  let row = 2u * p.kv_heads * p.d4;
  let keys = head / p.group * p.d4;
  let values = keys + p.kv_heads * p.d4;
  let end = start[0] + token + 1u;
  // The lanes share the columns in teams: team t adds up every teams-th key.
  let teams = LANES / p.d4;
  let column = lane % p.d4;
  let team = lane / p.d4;
  var top = LOWEST;
  var sum = 0.0; // of this lane's own weights
  var found = vec4f();
  for (var first = 0u; first < end; first += LANES) {
    let key = first + lane;
    var score = LOWEST;
    if (key < end) {
      var dots = vec4f();
      for (var c = 0u; c < p.d4; c++) { dots += query[c] * cache[key * row + keys + c]; }
      score = dot(dots, vec4f(1.0));
    }
    scores[lane] = score;
    workgroupBarrier();
    var next = top;
    for (var i = 0u; i < LANES; i++) { next = max(next, scores[i]); }
    let shrink = exp2(top - next);
    top = next;
    let weight = select(0.0, exp2(score - top), key < end);
    weights[lane] = weight;
    sum = sum * shrink + weight;
    workgroupBarrier();
    found *= shrink;
    if (team < teams) {
      for (var i = team; i < min(LANES, end - first); i += teams) {
        found += weights[i] * cache[(first + i) * row + values + column];
      }
    }
  }
  workgroupBarrier();
  scores[lane] = sum;
  parts[lane] = found;
  workgroupBarrier();
  if (lane >= p.d4) { return; }
  var total = 0.0;
  for (var i = 0u; i < LANES; i++) { total += scores[i]; }
  var whole = vec4f();
  for (var t = 0u; t < teams; t++) { whole += parts[t * p.d4 + lane]; }
  o[group * p.d4 + lane] = whole / total;
}
