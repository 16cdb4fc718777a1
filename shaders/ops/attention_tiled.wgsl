// o = softmax(q kᵀ · scale) v and lse = log Σ exp per row, with tiles of keys and values in workgroup memory.
// Reads q [H, lq, D], k and v [H, lk, D]; writes o, lse [H, lq]. One workgroup = ROWS query rows of one head.
#import lib/grid
#import lib/attention_tiled
#import lib/attention_tiled_step
alias T = f32;
const D: u32 = 64u; // room for rows of up to D numbers; p.d4 says how many there are
const ROWS: u32 = 64u;

struct Params {
  first_group: u32, groups: u32, lq: u32, lk: u32, d4: u32, scale: f32,
  heads: u32, group: u32, slots: u32, k_slot: u32, v_shift: u32, causal: u32, // lib/attention_layout_packed
}

@group(0) @binding(0) var<storage, read> q: array<vec4<T>>;
@group(0) @binding(1) var<storage, read> stream_a: array<vec4<T>>; // k
@group(0) @binding(2) var<storage, read> stream_b: array<vec4<T>>; // v
@group(0) @binding(3) var<storage, read_write> o: array<vec4<T>>;
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;
@group(0) @binding(5) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let per_head = (p.lq + ROWS - 1u) / ROWS;
  let head = group / per_head;
  let first = (group % per_head) * ROWS;
  begin(head, first, lane);
  var end = p.lk;
  if (causal()) { end = min(end, first + ROWS + p.lk - p.lq); }
  attend(0u, end);
  finish(head);
}
