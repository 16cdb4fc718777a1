// Dense output, fresh lse and block masses in one pass, as fused.wgsl, with tiles of keys and values in workgroup memory.
// Reads q, k, v, cached; writes o, lse, mass, redo. One workgroup = one block of query rows of one head, ROWS at a time.
#import lib/grid
#import lib/attention_tiled
#import lib/attention_tiled_step
#import lib/attention_cached
#import lib/attention_guard
#import lib/attention_tiled_blocks
alias T = f32;
const D: u32 = 64u; // room for rows of up to D numbers; p.d4 says how many there are
const ROWS: u32 = 64u; // divides p.block

struct Params { first_group: u32, groups: u32, lq: u32, lk: u32, d4: u32, scale: f32, block: u32, row_blocks: u32, key_blocks: u32 }

@group(0) @binding(0) var<storage, read> q: array<vec4<T>>;
@group(0) @binding(1) var<storage, read> stream_a: array<vec4<T>>; // k
@group(0) @binding(2) var<storage, read> stream_b: array<vec4<T>>; // v
@group(0) @binding(3) var<storage, read> cached: array<f32>;
@group(0) @binding(4) var<storage, read_write> o: array<vec4<T>>;
@group(0) @binding(5) var<storage, read_write> lse: array<f32>;
@group(0) @binding(6) var<storage, read_write> mass: array<f32>;
@group(0) @binding(7) var<storage, read_write> redo: array<u32>;
@group(0) @binding(8) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let head = group / p.row_blocks;
  let first = (group % p.row_blocks) * p.block;
  let span = tile_span();
  var bad = 0.0;
  for (var row = 0u; row < p.block && first + row < p.lq; row += ROWS) {
    begin(head, first + row, lane);
    use_cached_lse(head);
    clear_output();
    // The eight lanes of a row all have its sum: one of them speaks.
    let real = select(vec4f(), real_rows(), tx == 0u);
    var total = vec4f();
    for (var block = 0u; block < p.key_blocks; block++) {
      let start = block * p.block;
      let end = min(start + p.block, p.lk);
      row_sum = vec4f();
      for (var j = start; j < end; j += span) {
        load_keys(j, end, span);
        if (4u * tx < span) { put(weigh(bounded(tile_scores(j, end)))); }
        workgroupBarrier();
        load_values(j, end, span);
        add_values(span);
      }
      add_mass(group, row, block, group_sum(dot(row_sum, real)));
      total += row_sum;
    }
    let good = near_cache(total);
    bad += group_sum(dot(select(vec4f(1.0), vec4f(), good), real));
    row_sum = select(vec4f(1.0), total, good);
    finish(head);
  }
  if (lane == 0u) { redo[group] = u32(bad > 0.0); }
}
