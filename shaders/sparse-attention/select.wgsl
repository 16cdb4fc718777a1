// Row-wise top-k: the span.y heaviest key blocks of each row of masses, ascending, ties to the lower index; key blocks
// from `forced` on (the text sink) always go first. Exact: radix search on bits that order as the numbers do.
// Reads mass [rows, key_blocks], spans [rows] (offset in list, count); writes list and kept[row] = (kept, total) mass.
// One workgroup = one row.
#import lib/grid
const LANES: u32 = 64u;

struct Params { first_group: u32, groups: u32, key_blocks: u32, forced: u32 }

@group(0) @binding(0) var<storage, read> mass: array<f32>;
@group(0) @binding(1) var<storage, read> spans: array<vec2u>;
@group(0) @binding(2) var<storage, read_write> list: array<u32>;
@group(0) @binding(3) var<storage, read_write> kept: array<vec2f>;
@group(0) @binding(4) var<uniform> p: Params;

var<workgroup> bins: array<atomic<u32>, 128>; // eight digits of four bits, one histogram each: no clearing between them
var<workgroup> above_of: array<u32, LANES>;
var<workgroup> equal_of: array<u32, LANES>;
var<workgroup> kept_of: array<vec2f, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = p.first_group + flat_group(wid, nwg);
  if (row >= p.groups) { return; }
  let span = spans[row];
  let base = row * p.key_blocks;
  let forced = min(p.forced, p.key_blocks); // free columns are below it
  let want = min(span.y - min(span.y, p.key_blocks - forced), forced); // how many free columns to take

  // The want-th largest pattern, four bits at a time from the top.
  var threshold = 0u;
  var left = want;
  for (var digit = 0u; digit < 8u; digit++) {
    let shift = 28u - 4u * digit;
    for (var j = lane; j < forced; j += LANES) {
      let bits = pattern(base + j);
      // Compared in two steps: a shift by 32 does not exist.
      if (digit == 0u || ((bits ^ threshold) >> shift) >> 4u == 0u) { atomicAdd(&bins[digit * 16u + ((bits >> shift) & 15u)], 1u); }
    }
    workgroupBarrier();
    var nibble = 15u;
    loop {
      let here = atomicLoad(&bins[digit * 16u + nibble]);
      if (here >= left || nibble == 0u) { break; }
      left -= here;
      nibble--;
    }
    threshold |= nibble << shift;
  }
  // `left` columns equal to the threshold are taken, lowest index first; with none wanted nothing lies above it.
  if (want == 0u) { threshold = 0xffffffffu; left = 0u; }

  // Every lane owns a run of neighbouring columns, so that lists come out ascending.
  let run = (p.key_blocks + LANES - 1u) / LANES;
  let start = min(lane * run, p.key_blocks);
  let end = min(start + run, p.key_blocks);
  var above = 0u;
  var equal = 0u;
  for (var j = start; j < end; j++) {
    let bits = pattern(base + j);
    if (j >= forced || bits > threshold) { above++; } else if (bits == threshold) { equal++; }
  }
  above_of[lane] = above;
  equal_of[lane] = equal;
  workgroupBarrier();
  var at = 0u;
  var ties = 0u;
  for (var i = 0u; i < lane; i++) {
    at += above_of[i];
    ties += equal_of[i];
  }
  at += span.x + min(ties, left);
  let past = span.x + span.y;
  var sums = vec2f();
  for (var j = start; j < end; j++) {
    let bits = pattern(base + j);
    var take = j >= forced || bits > threshold;
    if (!take && bits == threshold) {
      take = ties < left;
      ties++;
    }
    let value = mass[base + j];
    sums.y += value;
    if (take && at < past) {
      list[at] = j;
      at++;
      sums.x += value;
    }
  }
  kept_of[lane] = sums;
  workgroupBarrier();
  if (lane == 0u) {
    for (var i = 1u; i < LANES; i++) { sums += kept_of[i]; }
    kept[row] = sums;
  }
}

/// An integer that orders as the number does, for either sign; both zeros are one.
fn pattern(at: u32) -> u32 {
  let bits = bitcast<u32>(select(mass[at], 0.0, mass[at] == 0.0));
  return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}
