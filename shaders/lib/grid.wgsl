// Flat workgroup index of a grid that the dispatcher spread over x and y. `nwg` is num_workgroups.
fn flat_group(wid: vec3u, nwg: vec3u) -> u32 {
  return wid.y * nwg.x + wid.x;
}
