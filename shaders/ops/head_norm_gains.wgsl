// Gradients of the gains of head_norm: d_gain = Σ dy·x·stats over all query heads, or all key heads, of all tokens.
// Reads dy, x [tokens · slots, D], stats; writes dq_gain, dk_gain [D]. With WIDE a workgroup = one element of E of one of
// the two, its lanes share the heads; else an invocation.
#import lib/grid
#import lib/width
alias T = f32;
alias E = T; // as stored: T or vec4<T>
const WIDE: bool = true;
const LANES: u32 = 64u;
const BLOCK: u32 = 64u; // additions in line before a sum goes to the total: long columns keep their digits

struct Params { first_group: u32, groups: u32, tokens: u32, n: u32, heads: u32, normed: u32, slots: u32 }

@group(0) @binding(0) var<storage, read> dy: array<E>;
@group(0) @binding(1) var<storage, read> x: array<E>;
@group(0) @binding(2) var<storage, read> stats: array<f32>;
@group(0) @binding(3) var<storage, read_write> dq_gain: array<E>;
@group(0) @binding(4) var<storage, read_write> dk_gain: array<E>;
@group(0) @binding(5) var<uniform> p: Params;

var<workgroup> sums: array<V, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let i = select(group * LANES + lane, group, WIDE);
  let is_key = i >= p.n;
  let column = select(i, i - p.n, is_key);
  let first = select(0u, p.heads, is_key);
  let count = select(p.heads, p.normed - p.heads, is_key);
  var sum = V(0.0);
  let step = select(1u, LANES, WIDE);
  let end = select(0u, p.tokens * count, i < 2u * p.n);
  for (var start = select(0u, lane, WIDE); start < end; start += BLOCK * step) {
    var part = V(0.0);
    for (var r = start; r < min(start + BLOCK * step, end); r += step) {
      let row = r / count * p.slots + first + r % count;
      part += V(dy[row * p.n + column]) * (V(x[row * p.n + column]) * stats[row]);
    }
    sum += part;
  }
  if (WIDE) {
    sums[lane] = sum;
    workgroupBarrier();
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
      if (lane < half) { sums[lane] += sums[lane + half]; }
      workgroupBarrier();
    }
    sum = sums[0];
    if (lane > 0u) { return; }
  }
  if (i >= 2u * p.n) { return; }
  if (is_key) { dk_gain[column] = E(sum); } else { dq_gain[column] = E(sum); }
}
