// Four neighbouring weights of a row, stored as f32. lib/weights_f16, _bf16 and _int8 take its place for other storage.
alias Four = vec4f;
const SCALED: bool = false; // each row has a factor of its own
fn decode(four: Four) -> vec4f { return four; }
