// Dense output, fresh lse and block masses in one pass, with a cached lse as the softmax reference: p = exp(s - cached).
// Reads q [H, lq, D], k, v [H, lk, D], cached [H, lq]; writes o, lse, mass (relative to `cached`) and redo[row block] = 1
// where the cache is too far off (|log Σ p| > 10 on a row); fused_repair does those again. One team = one row block.
#import lib/attention_load_rows
#import lib/attention_values_rows
#import lib/grid
#import lib/attention_scores
#import lib/attention_step
#import lib/attention_cached
#import lib/attention_guard
#import lib/attention_block_sum
alias T = f32;
const D: u32 = 64u; // room for rows of up to D numbers; p.d4 says how many there are
const LANES: u32 = 8u;

struct Params {
  first_group: u32, groups: u32, jobs: u32, lq: u32, lk: u32, d4: u32, scale: f32, block: u32, row_blocks: u32, key_blocks: u32,
}

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
  take_job(group, lane);
  let head = job / p.row_blocks;
  var bad = 0.0;
  for (var row = 0u; has_rows(row); row += PART) {
    begin_part(row, lane);
    use_cached_lse(head);
    clear_output();
    var total = vec4f();
    for (var block = 0u; block < p.key_blocks; block++) {
      let start = block * p.block;
      let end = min(start + p.block, p.lk);
      row_sum = vec4f();
      for (var j = start; j < end; j += STEP) { add_values(fixed_weights(bounded_scores(j, end)), j, end); }
      add_mass(row, block);
      total += row_sum;
    }
    let good = near_cache(total);
    bad += team_sum(dot(select(vec4f(1.0), vec4f(), good), real_rows()));
    row_sum = select(vec4f(1.0), total, good);
    finish(head);
  }
  if (lead) { redo[job] = u32(bad > 0.0); }
}

fn bounded_scores(j: u32, end: u32) -> Scores {
  var s = scores(j, end);
  s.a = bounded(s.a);
  if (WIDE) { s.b = bounded(s.b); }
  return s;
}
