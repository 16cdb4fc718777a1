// mass[h, i, j] = Σ exp(s - cached) over the rows of block i and keys of block j: the LSE-cached search, QK only (eq. 13).
// Reads q [H, lq, D], k [H, lk, D], cached [H, lq] (the lse of a dense pass); writes mass. One team = one block of query
// rows of one head.
#import lib/attention_load_rows
#import lib/grid
#import lib/attention_scores
#import lib/attention_cached
#import lib/attention_block_sum
alias T = f32;
const D: u32 = 64u; // room for rows of up to D numbers; p.d4 says how many there are
const LANES: u32 = 8u;

struct Params {
  first_group: u32, groups: u32, jobs: u32, lq: u32, lk: u32, d4: u32, scale: f32, block: u32, row_blocks: u32, key_blocks: u32,
}

@group(0) @binding(0) var<storage, read> q: array<vec4<T>>;
@group(0) @binding(1) var<storage, read> stream_a: array<vec4<T>>; // k
@group(0) @binding(2) var<storage, read> cached: array<f32>;
@group(0) @binding(3) var<storage, read_write> mass: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  take_job(group, lane);
  for (var row = 0u; has_rows(row); row += PART) {
    begin_part(row, lane);
    use_cached_lse(job / p.row_blocks);
    for (var block = 0u; block < p.key_blocks; block++) {
      let start = block * p.block;
      let end = min(start + p.block, p.lk);
      row_sum = vec4f();
      for (var j = start; j < end; j += STEP) { _ = fixed_weights(scores(j, end)); }
      add_mass(row, block);
    }
  }
}
