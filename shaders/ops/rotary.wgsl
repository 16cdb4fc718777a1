// Rotates pairs of features by position · frequency: (u, v) → (u cos t - v sin t, u sin t + v cos t).
// Angles are exact fractions of a turn in 64-bit fixed point (position times `turn`, modulo one turn), so their error
// does not grow with the position; sine and cosine are polynomials, because WGSL's own may be off by 2^-11.
// Reads x [rows, d], position [length, axes], turn [pairs] (high word, low word), writes y. One invocation = one pair
// (the features that are not rotated are copied by the invocations that follow). A token has `slots` rows, of which the
// first `turned` are rotated and the others copied: queries and keys of packed rows, and their values.
#import lib/grid
#import lib/integer
#import lib/rotor
alias T = f32;
alias P = u32; // u32 or f32 positions
const INTERLEAVED: bool = true; // pairs (2i, 2i + 1), else (i, i + pairs)
const FLOAT_POSITION: bool = false;
override LANES: u32 = 64u;

struct Params {
  ends: vec4u, // first pair past each axis's share
  first_group: u32,
  groups: u32,
  rows: u32,
  d: u32,
  length: u32,
  slots: u32,
  turned: u32,
  axes: u32,
  pairs: u32,
  direction: f32, // 1, or -1 for the reverse rotation
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> position: array<P>;
@group(0) @binding(2) var<storage, read> turn: array<vec2u>;
@group(0) @binding(3) var<storage, read_write> y: array<T>;
@group(0) @binding(4) var<uniform> p: Params;

// Fraction of a turn, in 2^-32, of a whole number of positions: (n · turn) mod 1.
fn whole_turns(n: u32, step: vec2u) -> u32 { return n * step.x + mul_high(n, step.y); }

fn angle(at: P, step: vec2u) -> vec2f {
  if (!FLOAT_POSITION) { return rotor(whole_turns(u32(at), step)); }
  // Whole part in integers (two's complement for negative positions), the rest below one in 2^-32 turns.
  let whole = floor(f32(at));
  let rest = f32(at) - whole;
  let high = f32(step.x) * 2.3283064365386963e-10; // step in turns
  let part = rest * high;
  return rotor(whole_turns_signed(i32(whole), step) + u32(part * 4294967040.0));
}

fn whole_turns_signed(n: i32, step: vec2u) -> u32 {
  let turns = whole_turns(u32(abs(n)), step);
  return select(turns, 0u - turns, n < 0);
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let i = group * LANES + lane;
  let each = p.d - p.pairs; // pairs and copied features of one row
  if (group >= p.groups || i >= p.rows * each) { return; }
  let row = i / each;
  let pair = i % each;
  let start = row * p.d;
  if (pair >= p.pairs) {
    y[start + p.pairs + pair] = x[start + p.pairs + pair];
    return;
  }
  let axis = select(0u, 1u, pair >= p.ends.x) + select(0u, 1u, pair >= p.ends.y) + select(0u, 1u, pair >= p.ends.z);
  var t = vec2f(1.0, 0.0);
  if (row % p.slots < p.turned) { t = angle(position[row / p.slots % p.length * p.axes + axis], turn[pair]); }
  t.y *= p.direction;
  var first = start + 2u * pair;
  var second = first + 1u;
  if (!INTERLEAVED) {
    first = start + pair;
    second = first + p.pairs;
  }
  let u = f32(x[first]);
  let v = f32(x[second]);
  y[first] = T(u * t.x - v * t.y);
  y[second] = T(u * t.y + v * t.x);
}
