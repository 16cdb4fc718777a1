// The upper half of Philox's counter where no clock is given; see lib/clock.
fn clock_words() -> vec2u { return vec2u(0u); }
