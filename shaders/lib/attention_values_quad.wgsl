// Tiles of the second streamed tensor, stream_b; see lib/attention_load_quad, which goes before it.
fn b_tile(at: TileAt, c: u32) -> mat4x4f {
  return spread(vec4f(stream_b[at + c]));
}
