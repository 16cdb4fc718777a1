// Rows of values, read WIDTH at a time. WIDE: a workgroup takes a row and its lanes share it. Otherwise an invocation
// takes a row of its own and no barrier runs: barriers are dear on software adapters. All lanes must call row_sum and
// row_max. `start` and `end` of a row count elements of E, of which a row has n.
#import lib/width
#import lib/reduce
const WIDE: bool = true;
const WIDTH: u32 = 1u; // 4 where rows are a multiple of four long
alias T = f32;
alias E = T; // WIDTH values as stored: T or vec4<T>; lib/width has the types to compute with

/// The row that this invocation works on; it may lie past the last one, and then has no values.
fn row_at(group: u32, lane: u32) -> u32 { return select(group * LANES + lane, group, WIDE); }
/// First element of the row that is this invocation's, and the distance to its next one.
fn row_first(lane: u32) -> u32 { return select(0u, lane, WIDE); }
fn row_step() -> u32 { return select(1u, LANES, WIDE); }

fn row_sum(value: f32, lane: u32) -> f32 {
  if (WIDE) { return workgroup_sum(value, lane); }
  return value;
}
fn row_max(value: f32, lane: u32) -> f32 {
  if (WIDE) { return workgroup_max(value, lane); }
  return value;
}

/// First, sum and maximum of the WIDTH components; the conversion makes one value four alike.
fn first_of(v: V) -> f32 { return vec4f(v).x; }
fn sum_of(v: V) -> f32 { return select(vec4f(v).x, dot(vec4f(v), vec4f(1.0)), WIDTH == 4u); }
fn max_of(v: V) -> f32 {
  let four = vec4f(v);
  return max(max(four.x, four.y), max(four.z, four.w));
}
