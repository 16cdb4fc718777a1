// Tiles of four streamed rows by four numbers, each read by the invocation itself: needs no optional feature.
// The importing file declares stream_a (array<vec4<T>>) and p.d4, the row length in vec4, and imports lib/attention_layout.
const STEP: u32 = 4u; // streamed rows taken at a time
const TEAM: u32 = 1u; // invocations that read together
alias TileAt = vec4u;

fn load_begin() {}
fn team_sum(x: f32) -> f32 { return x; }

/// Where the tokens first … first + 3 of the head start, kept inside `end`; `base` is the head's first row, and a token
/// has `slots` rows.
fn tile_of(base: u32, first: u32, end: u32, slots: u32) -> TileAt {
  return (vec4u(base) + min(vec4u(first) + vec4u(0u, 1u, 2u, 3u), vec4u(end - 1u)) * slots) * p.d4;
}
fn tile_at(base: u32, first: u32, end: u32) -> TileAt { return tile_of(base, first, end, row_step()); }
/// Columns are the four rows; components are the numbers 4c … 4c + 3.
fn a_tile(at: TileAt, c: u32) -> mat4x4f {
  return mat4x4f(vec4f(stream_a[at.x + c]), vec4f(stream_a[at.y + c]),
                 vec4f(stream_a[at.z + c]), vec4f(stream_a[at.w + c]));
}
