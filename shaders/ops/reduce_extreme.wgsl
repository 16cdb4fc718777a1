// y[o, c, j] = largest of sign·x[o, r, j] over the rows r of chunk c, times sign, and where it is: the first place among
// equals. The place of row r is r·weight, plus places[o, r, j] where an earlier pass has left some (later).
// Reads x [outer, rows, inner], places, writes y, at [outer, chunks, inner].
// One workgroup = one result, or LANES results without a barrier.
#import lib/grid
#import lib/rows

struct Params {
  first_group: u32,
  groups: u32,
  count: u32, // results
  rows: u32,
  inner: u32,
  chunk: u32,
  chunks: u32,
  weight: u32,
  later: u32,
  sign: f32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> places: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<T>;
@group(0) @binding(3) var<storage, read_write> at: array<u32>;
@group(0) @binding(4) var<uniform> p: Params;

struct Best { value: f32, place: u32 }
const NOWHERE: u32 = 0xffffffffu;

fn better(a: Best, b: Best) -> Best {
  let take = b.value > a.value || (b.value == a.value && b.place < a.place);
  if (b.place != NOWHERE && (a.place == NOWHERE || take)) { return b; }
  return a;
}

var<workgroup> bests: array<Best, LANES>;

fn row_best(own: Best, lane: u32) -> Best {
  if (!WIDE) { return own; }
  bests[lane] = own;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) { bests[lane] = better(bests[lane], bests[lane + half]); }
    workgroupBarrier();
  }
  return bests[0];
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let i = row_at(group, lane);
  let part = i / p.inner;
  let first = part % p.chunks * p.chunk;
  let end = select(0u, min(first + p.chunk, p.rows), i < p.count);
  let start = part / p.chunks * p.rows * p.inner + i % p.inner;
  var best = Best(0.0, NOWHERE);
  for (var r = first + row_first(lane); r < end; r += row_step()) {
    let source = start + r * p.inner;
    var place = r * p.weight;
    if (p.later != 0u) { place += places[source]; }
    best = better(best, Best(p.sign * f32(x[source]), place));
  }
  best = row_best(best, lane);
  if (i < p.count && row_first(lane) == 0u) {
    y[i] = T(p.sign * best.value);
    at[i] = best.place;
  }
}
