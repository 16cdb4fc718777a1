// Tiles of four streamed rows by four numbers: each lane of a quad reads one row and hands it to the other three.
// Same functions as lib/attention_load_rows; a quarter of the loads, for devices with subgroups.
enable subgroups;
diagnostic(off, subgroup_uniformity); // loop bounds are equal in a workgroup, which the analysis cannot always see
const STEP: u32 = 8u; // streamed rows taken at a time
const TEAM: u32 = 4u; // invocations that read together
alias TileAt = u32;
var<private> quad_lane: u32;

fn load_begin() {
  quad_lane = subgroupExclusiveAdd(1u) & 3u; // all lanes are active here: this is the lane's number
}
fn team_sum(x: f32) -> f32 {
  let pair = x + quadSwapX(x);
  return pair + quadSwapY(pair);
}
fn tile_of(base: u32, first: u32, end: u32, slots: u32) -> TileAt {
  return (base + min(first + quad_lane, end - 1u) * slots) * p.d4;
}
fn tile_at(base: u32, first: u32, end: u32) -> TileAt { return tile_of(base, first, end, row_step()); }
fn spread(x: vec4f) -> mat4x4f {
  return mat4x4f(quadBroadcast(x, 0u), quadBroadcast(x, 1u), quadBroadcast(x, 2u), quadBroadcast(x, 3u));
}
fn a_tile(at: TileAt, c: u32) -> mat4x4f {
  return spread(vec4f(stream_a[at + c]));
}
