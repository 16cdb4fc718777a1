// Does again what `fused` flagged: online softmax for o and lse, then a second pass over the keys for the masses.
// Reads q, k, v, redo; writes o, lse, mass of row blocks with redo = 1 and leaves the others alone. One team = one
// block of query rows; those without a flag end at once.
#import lib/attention_load_rows
#import lib/attention_values_rows
#import lib/grid
#import lib/attention_scores
#import lib/attention_step
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
@group(0) @binding(3) var<storage, read> redo: array<u32>;
@group(0) @binding(4) var<storage, read_write> o: array<vec4<T>>;
@group(0) @binding(5) var<storage, read_write> lse: array<f32>;
@group(0) @binding(6) var<storage, read_write> mass: array<f32>;
@group(0) @binding(7) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  take_job(group, lane);
  if (redo[job] == 0u) { return; }
  let head = job / p.row_blocks;
  for (var row = 0u; has_rows(row); row += PART) {
    begin_part(row, lane);
    clear_output();
    attend(0u, p.lk);
    finish(head);
    row_top += log2(row_sum);
    for (var block = 0u; block < p.key_blocks; block++) {
      let start = block * p.block;
      let end = min(start + p.block, p.lk);
      row_sum = vec4f();
      for (var j = start; j < end; j += STEP) { _ = fixed_weights(scores(j, end)); }
      add_mass(row, block);
    }
  }
}
