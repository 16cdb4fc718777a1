// The output side of the tiled attention: weighted sums of values, online softmax, and the final division. An invocation
// takes 4 rows x D / 8 of the output. Needs lib/attention_tiled before it, stream_b (values), o, lse. `o_tile` starts as zeros.
const LN2: f32 = 0.6931471805599453;

var<private> o_tile: array<mat4x4f, (D + 31u) / 32u>; // columns are query rows; entry i holds numbers 4 (tx + 8 i) …

fn clear_output() {
  for (var i = 0u; i < (D + 31u) / 32u; i++) { o_tile[i] = mat4x4f(); }
}
fn top_of(row: u32, count: u32) -> f32 {
  var top = vec4f(LOWEST);
  for (var g = 0u; g < count; g++) { top = max(top, weights[row * 8u + g]); }
  return max(max(top.x, top.y), max(top.z, top.w));
}

/// Brings the values of the same keys into the tile, whose readers must be done.
fn load_values(j: u32, end: u32, span: u32) {
  for (var i = me; i < span * p.d4; i += LANES) {
    let key = i / p.d4;
    tile[i] = vec4f(stream_b[(key_base + value_shift() + min(j + key, end - 1u) * row_step()) * p.d4 + i - key * p.d4]);
  }
  workgroupBarrier();
}

/// o += Σ weight · value and sum += Σ weight over the tile.
fn add_values(span: u32) {
  for (var g = 0u; g < span / 4u; g++) {
    let at = row_at * 8u + g;
    let w = mat4x4f(weights[at], weights[at + 8u], weights[at + 16u], weights[at + 24u]);
    let t = transpose(w);
    row_sum += (t[0] + t[1]) + (t[2] + t[3]);
    for (var i = 0u; i < (D + 31u) / 32u; i++) {
      let c = tx + 8u * i;
      if (c < p.d4) {
        let v_at = 4u * g * p.d4 + c;
        o_tile[i] += mat4x4f(tile[v_at], tile[v_at + p.d4], tile[v_at + 2u * p.d4], tile[v_at + 3u * p.d4]) * w;
      }
    }
  }
}

/// Online-softmax attention over the keys [start, end), which must be the same for the whole workgroup. Weights are summed
/// in parts of eight tiles and the parts then added, as in lib/attention_step.
fn attend(start: u32, end: u32) {
  let span = tile_span();
  for (var part = start; part < end; part += 8u * span) {
    let before = row_sum;
    let top = row_top;
    row_sum = vec4f();
    let stop = min(part + 8u * span, end);
    for (var j = part; j < stop; j += span) { attend_tile(j, end, span); }
    row_sum += before * exp2(top - row_top);
  }
}

fn attend_tile(j: u32, end: u32, span: u32) {
  load_keys(j, end, span);
  let used = 4u * tx < span;
  var s = mat4x4f();
  if (used) {
    s = tile_scores(j, end);
    put(s);
  }
  workgroupBarrier();
  let quads = span / 4u;
  let top = max(row_top, vec4f(top_of(row_at, quads), top_of(row_at + 1u, quads), top_of(row_at + 2u, quads), top_of(row_at + 3u, quads)));
  let shrink = exp2(row_top - top);
  row_top = top;
  row_sum *= shrink;
  for (var i = 0u; i < (D + 31u) / 32u; i++) {
    let t = o_tile[i];
    o_tile[i] = mat4x4f(t[0] * shrink.x, t[1] * shrink.y, t[2] * shrink.z, t[3] * shrink.w);
  }
  workgroupBarrier(); // all have read the scores
  if (used) { put(weigh(s)); }
  load_values(j, end, span);
  add_values(span);
}

/// Writes o = o / sum and the natural log-sum-exp of the rows below lq. A row that saw no key gets zeros and LOWEST.
fn finish(head: u32) {
  let sum = select(row_sum, vec4f(1.0), row_sum == vec4f());
  let inverse = 1.0 / sum;
  let log_sum = select(row_top * LN2 + log(sum), vec4f(LOWEST), row_sum == vec4f());
  for (var r = 0u; r < 4u; r++) {
    let row = row_first + r;
    if (row >= p.lq) { break; }
    if (tx == 0u) { lse[head * p.lq + row] = log_sum[r]; }
    let at = o_row(head) + row * o_step();
    for (var i = 0u; i < (D + 31u) / 32u; i++) {
      let c = tx + 8u * i;
      if (c < p.d4) { o[at * p.d4 + c] = vec4<T>(o_tile[i][r] * inverse[r]); }
    }
  }
}
