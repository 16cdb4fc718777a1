// The softmax reference from an earlier pass instead of a running maximum. Needs lib/attention_scores or _tiled, and the
// binding `cached`, the log-sum-exp of that pass [H, lq].
/// Takes the softmax reference of this invocation's rows from `cached`: no running maximum is needed then.
fn use_cached_lse(head: u32) {
  let at = vec4u(head * p.lq) + min(vec4u(row_first) + vec4u(0u, 1u, 2u, 3u), vec4u(p.lq - 1u));
  row_top = vec4f(cached[at.x], cached[at.y], cached[at.z], cached[at.w]) * LOG2E;
}
