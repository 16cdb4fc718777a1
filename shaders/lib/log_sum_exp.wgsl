// max and Σ exp(x - max) over one row in a single pass: the sum is rescaled whenever the maximum grows. One exponential a
// value. The importing file declares x (array<E>).
#import lib/rows

struct ExpSum { top: f32, sum: f32 } // log Σ exp(x) = top + log(sum)

fn row_exp_sum(start: u32, n: u32, lane: u32) -> ExpSum {
  // Starts at a value of the row: WGSL may assume that infinities never occur.
  var top = V(first_of(V(x[start])));
  var sum = V(0.0);
  for (var i = row_first(lane); i < n; i += row_step()) {
    let v = V(x[start + i]);
    let above = v - top;
    let e = exp(-abs(above));
    sum = select(sum + e, sum * e + 1.0, above > V(0.0));
    top = max(top, v);
  }
  let highest = row_max(max_of(top), lane);
  return ExpSum(highest, row_sum(sum_of(sum * exp(top - highest)), lane));
}
