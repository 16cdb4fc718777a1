// Cosine and sine of an angle given in 2^-32 turns. Pure functions, no bindings.
#import lib/trig

fn rotor(f: u32) -> vec2f {
  let quadrant = (f + 0x20000000u) >> 30u;
  let rest = f32(bitcast<i32>(f - (quadrant << 30u))) * 1.4629180792671596e-9; // 2π / 2^32: within ±π/4
  let sine = sine_near(rest);
  let cosine = cosine_near(rest);
  switch (quadrant & 3u) {
    case 0u: { return vec2f(cosine, sine); }
    case 1u: { return vec2f(-sine, cosine); }
    case 2u: { return vec2f(-cosine, -sine); }
    default: { return vec2f(sine, -cosine); }
  }
}
