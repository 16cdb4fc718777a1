// Tiles of the second streamed tensor, stream_b; see lib/attention_load_rows, which goes before it.
fn b_tile(at: TileAt, c: u32) -> mat4x4f {
  return mat4x4f(vec4f(stream_b[at.x + c]), vec4f(stream_b[at.y + c]),
                 vec4f(stream_b[at.z + c]), vec4f(stream_b[at.w + c]));
}
