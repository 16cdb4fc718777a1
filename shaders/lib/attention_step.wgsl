// The output side of the attention step: weighted sums of values, online softmax, and the final division.
// Imported after a loader and lib/attention_scores; needs stream_b (values), o, lse. `o_tile` starts as zeros.
/// The running maximum is only moved when it grows by more than this many powers of two: exact, and rarely taken.
const SLACK: f32 = 8.0;
const PART_KEYS: u32 = 256u; // a multiple of STEP

var<private> o_tile: array<mat4x4f, D / 4u>; // columns are query rows

fn clear_output() {
  for (var c = 0u; c < p.d4; c++) { o_tile[c] = mat4x4f(); }
}
fn column_tops(s: mat4x4f) -> vec4f {
  let t = transpose(s);
  return max(max(t[0], t[1]), max(t[2], t[3]));
}
fn scale_columns(m: mat4x4f, f: vec4f) -> mat4x4f {
  return mat4x4f(m[0] * f.x, m[1] * f.y, m[2] * f.z, m[3] * f.w);
}

/// Softmax weights against the running maximum, which moves when it must (o and the sum are rescaled then).
fn online_weights(s: Scores) -> Scores {
  var top = column_tops(s.a);
  if (WIDE) { top = max(top, column_tops(s.b)); }
  if (any(top > row_top + SLACK)) {
    let moved = max(top, row_top);
    let shrink = exp2(row_top - moved);
    row_top = moved;
    row_sum *= shrink;
    for (var c = 0u; c < p.d4; c++) { o_tile[c] = scale_columns(o_tile[c], shrink); }
  }
  return fixed_weights(s);
}

/// o += Σ weight · value over keys j … j + STEP - 1.
fn add_values(w: Scores, j: u32, end: u32) {
  let at = tile_at(key_base + value_shift(), j, end);
  if (WIDE) {
    let next = tile_at(key_base + value_shift(), j + 4u, end);
    for (var c = 0u; c < p.d4; c++) { o_tile[c] += b_tile(at, c) * w.a + b_tile(next, c) * w.b; }
  } else {
    for (var c = 0u; c < p.d4; c++) { o_tile[c] += b_tile(at, c) * w.a; }
  }
}

/// Online-softmax attention over the keys [start, end). Weights are summed in parts of PART_KEYS and the parts then added:
/// one running sum over 100,000 keys would lose weights below its last place.
fn attend(start: u32, end: u32) {
  for (var part = start; part < end; part += PART_KEYS) {
    let before = row_sum;
    let top = row_top;
    row_sum = vec4f();
    let stop = min(part + PART_KEYS, end);
    for (var j = part; j < stop; j += STEP) { add_values(online_weights(scores(j, end)), j, end); }
    row_sum += before * exp2(top - row_top);
  }
}

/// Writes o = o / sum and the natural log-sum-exp of the rows below lq. A row that saw no key gets zeros and LOWEST.
fn finish(head: u32) {
  let sum = select(row_sum, vec4f(1.0), row_sum == vec4f());
  let inverse = 1.0 / sum;
  let log_sum = select(row_top * LN2 + log(sum), vec4f(LOWEST), row_sum == vec4f());
  for (var i = 0u; i < 4u; i++) {
    let row = row_first + i;
    if (row >= p.lq) { break; }
    lse[head * p.lq + row] = log_sum[i];
    let at = o_row(head) + row * o_step();
    for (var c = 0u; c < p.d4; c++) { o[at * p.d4 + c] = vec4<T>(o_tile[c][i] * inverse[i]); }
  }
}
