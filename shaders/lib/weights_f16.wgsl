// Four neighbouring weights of a row, stored as f16 in two words. Decoded on the bits, so that no feature is needed and no
// subnormal is lost, as weights below 6e-5 are. Weights are finite.
alias Four = vec2u;
const SCALED: bool = false;
fn decode(four: Four) -> vec4f {
  let half = vec4u(four.x, four.x >> 16u, four.y, four.y >> 16u);
  let size = half & vec4u(0x7fffu);
  let normal = bitcast<vec4f>((size << vec4u(13u)) + vec4u(0x38000000u));
  let small = vec4f(size) * 5.9604644775390625e-8; // below 2^-14: multiples of 2^-24
  let value = select(normal, small, size < vec4u(0x400u));
  return select(value, -value, (half & vec4u(0x8000u)) != vec4u());
}
