// y[m, n] = scale[n] · Σ_k x[m, k]·w[n, k] + bias[n] + residual[m, n], weights decoded where they are read.
// Reads x, w and what there is of scale, bias, residual; writes y. A tile is ROWS tokens by four rows of weights: WIDE, a
// workgroup takes one and its lanes share k; otherwise an invocation takes one and no barrier runs.
#import lib/grid
#import lib/weights_f32
const WIDE: bool = true;
const ROWS: u32 = 4u; // 1 or 4
const LANES: u32 = 64u;
const OUT: u32 = 4u * ROWS; // results of a tile
const PER: u32 = (LANES + OUT - 1u) / OUT; // lanes that add up one of them; never 0, which compilers refuse to divide by
const SHARED: u32 = 1024u; // OUT · LANES where lanes share a tile, else 1: such kernels keep nothing in common

struct Params { first_group: u32, groups: u32, m: u32, n: u32, k4: u32, biased: u32, adds: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> w: array<Four>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
@group(0) @binding(6) var<uniform> p: Params;

var<workgroup> parts: array<f32, SHARED>;
var<workgroup> folded: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let across = (p.n + 3u) / 4u;
  let tiles = across * ((p.m + ROWS - 1u) / ROWS);
  let tile = select(group * LANES + lane, group, WIDE);
  let n = tile % across * 4u;
  let m = tile / across * ROWS;
  // Rows past the last repeat it; they are not written.
  let at_w = min(vec4u(n) + vec4u(0u, 1u, 2u, 3u), vec4u(p.n - 1u)) * p.k4;
  let at_x = min(vec4u(m) + vec4u(0u, 1u, 2u, 3u), vec4u(p.m - 1u)) * p.k4;
  var sums: mat4x4f; // columns are tokens, components are rows of weights
  let end = select(0u, p.k4, tile < tiles);
  for (var c = select(0u, lane, WIDE); c < end; c += select(1u, LANES, WIDE)) {
    let four = transpose(mat4x4f(decode(w[at_w.x + c]), decode(w[at_w.y + c]), decode(w[at_w.z + c]), decode(w[at_w.w + c])));
    sums[0] += four * x[at_x.x + c];
    if (ROWS == 4u) {
      sums[1] += four * x[at_x.y + c];
      sums[2] += four * x[at_x.z + c];
      sums[3] += four * x[at_x.w + c];
    }
  }
  if (WIDE) {
    fold(sums, lane);
    if (lane < OUT) {
      var sum = 0.0;
      for (var i = 0u; i < PER; i++) { sum += folded[lane * PER + i]; }
      write(m + lane / 4u, n + lane % 4u, sum);
    }
    return;
  }
  if (tile >= tiles) { return; }
  write_four(m, n, sums[0]);
  if (ROWS == 4u) {
    write_four(m + 1u, n, sums[1]);
    write_four(m + 2u, n, sums[2]);
    write_four(m + 3u, n, sums[3]);
  }
}

/// Adds up the lanes' sums until each result has PER of them side by side in `folded`. Two barriers, where a tree
/// would take six.
fn fold(sums: mat4x4f, lane: u32) {
  keep(0u, sums[0], lane);
  if (ROWS == 4u) {
    keep(1u, sums[1], lane);
    keep(2u, sums[2], lane);
    keep(3u, sums[3], lane);
  }
  workgroupBarrier();
  let begin = lane / PER * LANES + lane % PER;
  var sum = 0.0;
  for (var i = 0u; i < OUT; i++) { sum += parts[begin + i * PER]; }
  folded[lane] = sum;
  workgroupBarrier();
}
fn keep(token: u32, four: vec4f, lane: u32) {
  let at = 4u * token * LANES + lane;
  parts[at] = four.x;
  parts[at + LANES] = four.y;
  parts[at + 2u * LANES] = four.z;
  parts[at + 3u * LANES] = four.w;
}

fn write_four(m: u32, n: u32, four: vec4f) {
  write(m, n, four.x);
  write(m, n + 1u, four.y);
  write(m, n + 2u, four.z);
  write(m, n + 3u, four.w);
}
fn write(m: u32, n: u32, sum: f32) {
  if (m >= p.m || n >= p.n) { return; }
  var value = sum;
  if (SCALED) { value *= scale[n]; }
  if (p.biased != 0u) { value += bias[n]; }
  if (p.adds != 0u) { value += residual[m * p.n + n]; }
  y[m * p.n + n] = value;
}
