// Gradients of gamma and beta: dgamma = Σ dy·x̂ and dbeta = Σ dy over all rows (dbeta where p.center is 1), x̂ = (x - mean)·s
// with mean and s, or s alone, of each row in stats. Reads dy, x, stats, writes dgamma, dbeta [n].
// With WIDE a workgroup = one element of E of both, its lanes share the rows; else an invocation.
#import lib/grid
#import lib/width
alias T = f32;
alias E = T; // as stored: T or vec4<T>
const WIDE: bool = true;
const LANES: u32 = 64u;
const BLOCK: u32 = 64u; // additions in line before a sum goes to the total: long columns keep their digits

struct Params { first_group: u32, groups: u32, rows: u32, n: u32, center: u32 }

@group(0) @binding(0) var<storage, read> dy: array<E>;
@group(0) @binding(1) var<storage, read> x: array<E>;
@group(0) @binding(2) var<storage, read> stats: array<f32>;
@group(0) @binding(3) var<storage, read_write> dgamma: array<E>;
@group(0) @binding(4) var<storage, read_write> dbeta: array<E>;
@group(0) @binding(5) var<uniform> p: Params;

var<workgroup> along_sums: array<V, LANES>;
var<workgroup> plain_sums: array<V, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let column = select(group * LANES + lane, group, WIDE);
  var along = V(0.0);
  var plain = V(0.0);
  let step = select(1u, LANES, WIDE);
  let end = select(0u, p.rows, column < p.n);
  for (var first = select(0u, lane, WIDE); first < end; first += BLOCK * step) {
    var along_part = V(0.0);
    var plain_part = V(0.0);
    for (var row = first; row < min(first + BLOCK * step, end); row += step) {
      let slope = V(dy[row * p.n + column]);
      plain_part += slope;
      along_part += slope * normal(row, column);
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
  if (column >= p.n) { return; }
  dgamma[column] = E(along);
  if (p.center == 1u) { dbeta[column] = E(plain); }
}

fn normal(row: u32, column: u32) -> V {
  let value = V(x[row * p.n + column]);
  if (p.center == 1u) { return (value - stats[2u * row]) * stats[2u * row + 1u]; }
  return value * stats[row];
}
