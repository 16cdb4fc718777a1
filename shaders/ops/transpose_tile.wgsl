// Transposes SIDE x SIDE tiles through workgroup memory so that both reads and writes are contiguous.
// y[b, i, o] = x[b, o, i]: o is contiguous in y, i is contiguous in x, b runs over `shape` (at most 4 axes, row-major).
// Reads x, writes y. One workgroup = one tile.
#import lib/grid
alias T = u32;
const SIDE: u32 = 32u;
const ROWS: u32 = 8u; // rows of a tile moved at a time

struct Params {
  shape: vec4u,
  src: vec4u,
  dst: vec4u,
  first_group: u32,
  groups: u32,
  outer: u32,
  inner: u32,
  src_outer: u32,
  dst_inner: u32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<T>;
@group(0) @binding(2) var<uniform> p: Params;

var<workgroup> tile: array<array<T, SIDE + 1u>, SIDE>; // one spare column keeps banks apart

@compute @workgroup_size(SIDE, ROWS)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_id) lane: vec3u) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let across = (p.inner + SIDE - 1u) / SIDE;
  let down = (p.outer + SIDE - 1u) / SIDE;
  let i0 = (group % across) * SIDE;
  let o0 = (group / across % down) * SIDE;
  var rest = group / across / down;
  var origin = 0u;
  var dest = 0u;
  for (var left = 4u; left > 0u; left--) {
    let n = p.shape[left - 1u];
    origin += (rest % n) * p.src[left - 1u];
    dest += (rest % n) * p.dst[left - 1u];
    rest /= n;
  }
  for (var r = lane.y; r < SIDE; r += ROWS) {
    if (o0 + r < p.outer && i0 + lane.x < p.inner) {
      tile[r][lane.x] = x[origin + (o0 + r) * p.src_outer + i0 + lane.x];
    }
  }
  workgroupBarrier();
  for (var r = lane.y; r < SIDE; r += ROWS) {
    if (i0 + r < p.inner && o0 + lane.x < p.outer) {
      y[dest + (i0 + r) * p.dst_inner + o0 + lane.x] = tile[lane.x][r];
    }
  }
}
