// Gradient of the table of modulate: dm[b, factor] = Σ_l dy·x and dm[b, shift] = Σ_l dy, plus what other uses of the table
// gave; other parts are that alone. Reads dy, x [B, L, n], before [B, parts, n], writes dm.
// With WIDE a workgroup = one element of E of all parts of one batch entry, its lanes share the tokens; else an invocation.
#import lib/grid
#import lib/width
alias T = f32;
alias E = T; // as stored: T or vec4<T>
const WIDE: bool = true;
const HAS_SHIFT: bool = false;
const HAS_BEFORE: bool = false;
const LANES: u32 = 64u;
const BLOCK: u32 = 64u; // additions in line before a sum goes to the total: long columns keep their digits

struct Params {
  first_group: u32,
  groups: u32,
  count: u32, // B·n
  n: u32, // in elements of E
  length: u32,
  parts: u32,
  factor: u32,
  shift: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<E>;
@group(0) @binding(1) var<storage, read> x: array<E>;
@group(0) @binding(2) var<storage, read> before: array<E>;
@group(0) @binding(3) var<storage, read_write> dm: array<E>;
@group(0) @binding(4) var<uniform> p: Params;

var<workgroup> along_sums: array<V, LANES>;
var<workgroup> plain_sums: array<V, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let i = select(group * LANES + lane, group, WIDE);
  let entry = i / p.n;
  let column = i % p.n;
  var along = V(0.0);
  var plain = V(0.0);
  let step = select(1u, LANES, WIDE);
  let end = select(0u, p.length, i < p.count);
  for (var first = select(0u, lane, WIDE); first < end; first += BLOCK * step) {
    var along_part = V(0.0);
    var plain_part = V(0.0);
    for (var l = first; l < min(first + BLOCK * step, end); l += step) {
      let at = (entry * p.length + l) * p.n + column;
      let slope = V(dy[at]);
      along_part += slope * V(x[at]);
      plain_part += slope;
    }
    along += along_part;
    plain += plain_part;
  }
  if (WIDE) {
    along_sums[lane] = along;
    plain_sums[lane] = plain;
    workgroupBarrier();
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
      if (lane < half) {
        along_sums[lane] += along_sums[lane + half];
        plain_sums[lane] += plain_sums[lane + half];
      }
      workgroupBarrier();
    }
    along = along_sums[0];
    plain = plain_sums[0];
    if (lane > 0u) { return; }
  }
  if (i >= p.count) { return; }
  for (var part = 0u; part < p.parts; part++) {
    let at = (entry * p.parts + part) * p.n + column;
    var value = V(0.0);
    if (HAS_BEFORE) { value = V(before[at]); }
    if (part == p.factor) { value += along; }
    if (HAS_SHIFT && part == p.shift) { value += plain; }
    dm[at] = E(value);
  }
}
