// Ends the gradient norm and begins an update: clip factor, bias corrections, the step count, one line of history.
// Reads parts and loss; reads and writes control (see src/nn/control.ts); writes history. One workgroup.
#import lib/control
const LANES: u32 = 256u;
const LARGE: f32 = 3.0e38;
const MOST_SCALE: f32 = 16777216.0;

struct Params { count: u32, rows: u32 }

@group(0) @binding(0) var<storage, read> parts: array<vec2f>;
@group(0) @binding(1) var<storage, read> loss: array<f32>;
@group(0) @binding(2) var<storage, read_write> control: array<f32>;
@group(0) @binding(3) var<storage, read_write> history: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

var<workgroup> sums: array<vec2f, LANES>;

// 1 - base^t for base just below 1: the difference itself would lose three digits at t = 1.
fn one_minus_power(log_base: f32, t: f32) -> f32 {
  let x = t * log_base;
  let series = -x * (1.0 + x * (0.5 + x * (0.16666667 + x * (0.041666668 + x * 0.008333334))));
  return select(1.0 - exp(x), series, x > -0.25);
}

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
  var mine = vec2f(0.0, LARGE);
  for (var i = lane; i < p.count; i += LANES) {
    mine = vec2f(mine.x + parts[i].x, min(mine.y, parts[i].y));
  }
  sums[lane] = mine;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) {
      let other = sums[lane + half];
      sums[lane] = vec2f(sums[lane].x + other.x, min(sums[lane].y, other.y));
    }
    workgroupBarrier();
  }
  if (lane != 0u) { return; }

  // Mixed precision: the reverse sweep began with the loss scale instead of 1.
  let is_scaled = control[SCALE_GROWTH] > 0.0;
  let scale = select(1.0, control[SCALE], is_scaled);
  let unscaled = control[GRADIENT_SCALE] / scale;
  let norm = sqrt(sums[0].x) * unscaled;
  let loss_bits = bitcast<u32>(loss[0]) & 0x7f800000u;
  let is_bad = sums[0].y < LARGE || loss_bits == 0x7f800000u || norm > 1.0e30;
  // Gradients past the range of f16 under a sound loss: the step is left out and the next one has half the scale.
  let overflowed = is_scaled && is_bad && loss_bits != 0x7f800000u && scale > 1.0;
  if (is_scaled) {
    let run = select(control[GOOD_RUN] + 1.0, 0.0, is_bad);
    let grows = run >= control[SCALE_GROWTH];
    control[GOOD_RUN] = select(run, 0.0, grows);
    control[SCALE] = clamp(select(select(scale, 2.0 * scale, grows), 0.5 * scale, is_bad), 1.0, MOST_SCALE);
  }
  let clip = select(1.0, min(1.0, control[MAX_NORM] / (norm + 1.0e-6)), control[MAX_NORM] > 0.0);
  let ran = control[RUNS]; // steps asked for, also skipped ones
  control[RUNS] = ran + 1.0;
  control[NORM] = norm;
  control[IS_GOOD] = select(1.0, 0.0, is_bad);
  control[FACTOR] = unscaled * clip;
  if (is_bad) {
    control[SKIPPED] += 1.0;
    control[BAD_CHUNK] = select(-2.0, sums[0].y, sums[0].y < LARGE); // -2: only the loss is bad
  } else {
    let t = control[STEP] + 1.0;
    control[STEP] = t;
    control[BIAS_1] = one_minus_power(control[LOG_BETA_1], t);
    control[BIAS_2] = one_minus_power(control[LOG_BETA_2], t);
  }
  let row = 4u * (u32(ran) % p.rows);
  history[row] = loss[0] * control[LOSS_SHARE];
  history[row + 1u] = norm;
  history[row + 2u] = control[LEARNING_RATE];
  history[row + 3u] = select(0.0, select(1.0 + control[BAD_CHUNK], -2.0, overflowed), is_bad);
}
