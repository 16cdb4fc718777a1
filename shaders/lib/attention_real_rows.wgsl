// Which of an invocation's four query rows exist: blocks at the end of the sequence are not full.
/// 1 for rows that exist, 0 for the repeats of the last row. Needs row_first and p.lq.
fn real_rows() -> vec4f {
  return select(vec4f(), vec4f(1.0), vec4u(row_first) + vec4u(0u, 1u, 2u, 3u) < vec4u(p.lq));
}
