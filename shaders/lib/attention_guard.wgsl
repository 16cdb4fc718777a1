// Guard of the fused pass, whose softmax reference may be stale. Needs row_top.
const DRIFT: f32 = 22026.4657948; // e^10

/// Keeps weights finite however wrong the cache is: such rows are flagged by their sum.
fn bounded(s: mat4x4f) -> mat4x4f {
  let top = row_top + 64.0;
  return mat4x4f(min(s[0], vec4f(top.x)), min(s[1], vec4f(top.y)), min(s[2], vec4f(top.z)), min(s[3], vec4f(top.w)));
}
/// True for rows whose sum of weights says that the cache is within the drift.
fn near_cache(total: vec4f) -> vec4<bool> {
  return (total < vec4f(DRIFT)) & (total > vec4f(1.0 / DRIFT));
}
