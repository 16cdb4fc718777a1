// Four neighbouring weights of a row, stored as signed bytes of one word; the row's scale is applied to sums.
alias Four = u32;
const SCALED: bool = true;
fn decode(four: Four) -> vec4f {
  return vec4f(vec4i(vec4u(four << 24u, four << 16u, four << 8u, four)) >> vec4u(24u));
}
