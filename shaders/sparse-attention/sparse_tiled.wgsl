// Attention over listed key blocks only, as sparse.wgsl, with tiles of keys and values in workgroup memory.
// Reads q, k, v, jobs, spans, list; writes o, lse. One workgroup = ROWS query rows of one job's block.
#import lib/grid
#import lib/attention_tiled
#import lib/attention_tiled_step
alias T = f32;
const D: u32 = 64u; // room for rows of up to D numbers; p.d4 says how many there are
const ROWS: u32 = 64u; // divides p.block

struct Params { first_group: u32, groups: u32, lq: u32, lk: u32, d4: u32, scale: f32, block: u32, row_blocks: u32 }

@group(0) @binding(0) var<storage, read> q: array<vec4<T>>;
@group(0) @binding(1) var<storage, read> stream_a: array<vec4<T>>; // k
@group(0) @binding(2) var<storage, read> stream_b: array<vec4<T>>; // v
@group(0) @binding(3) var<storage, read> jobs: array<u32>;
@group(0) @binding(4) var<storage, read> spans: array<vec2u>;
@group(0) @binding(5) var<storage, read> list: array<u32>;
@group(0) @binding(6) var<storage, read_write> o: array<vec4<T>>;
@group(0) @binding(7) var<storage, read_write> lse: array<f32>;
@group(0) @binding(8) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  let parts = p.block / ROWS; // workgroups that share one job
  let job = jobs[group / parts];
  let head = job / p.row_blocks;
  begin(head, (job % p.row_blocks) * p.block + (group % parts) * ROWS, lane);
  let span = spans[job];
  for (var i = span.x; i < span.x + span.y; i++) {
    let start = list[i] * p.block;
    attend(start, min(start + p.block, p.lk));
  }
  finish(head);
}
