// Random numbers that change from step to step of a replayed recording: the upper half of Philox's counter is read from
// a tensor. Takes the place of lib/no_clock; binding 7 is the last of the eight that every device has.
@group(0) @binding(7) var<storage, read> clock: array<u32>;

fn clock_words() -> vec2u { return vec2u(clock[0], clock[1]); }
