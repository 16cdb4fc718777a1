// Four neighbouring weights of a row, stored as bf16 in two words.
alias Four = vec2u;
const SCALED: bool = false;
fn decode(four: Four) -> vec4f {
  return bitcast<vec4f>(vec4u(four.x << 16u, four.x & 0xffff0000u, four.y << 16u, four.y & 0xffff0000u));
}
