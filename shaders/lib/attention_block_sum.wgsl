// Work on whole blocks of query rows without a barrier: a team (an invocation, or a quad that reads together) takes a
// block, 4 · TEAM rows at a time. Barriers would cost a quarter of the time on software adapters; GPUs have the tiled
// form. Needs const LANES, lib/attention_scores, p.block, p.jobs (blocks in all), p.row_blocks, p.key_blocks and `mass`.
#import lib/attention_real_rows
const PART: u32 = 4u * TEAM; // rows that a team takes at a time

var<private> job: u32; // head · row_blocks + row block
var<private> lead: bool; // writes what the team found; a team past the last block only repeats its work

fn take_job(group: u32, lane: u32) {
  let mine = group * (LANES / TEAM) + lane / TEAM;
  job = min(mine, p.jobs - 1u);
  lead = lane % TEAM == 0u && mine < p.jobs;
}
/// Sets up the rows of part `row`, counted from the start of the block.
fn begin_part(row: u32, lane: u32) {
  begin(job / p.row_blocks, job % p.row_blocks * p.block + row + 4u * (lane % TEAM));
}
/// True while the block has rows at `row`.
fn has_rows(row: u32) -> bool { return row < p.block && job % p.row_blocks * p.block + row < p.lq; }

/// Adds row_sum of the team's real rows to the mass of a key block; the first part starts it.
fn add_mass(row: u32, block: u32) {
  let sum = team_sum(dot(row_sum, real_rows()));
  if (!lead) { return; }
  let at = job * p.key_blocks + block;
  var before = 0.0;
  if (row > 0u) { before = mass[at]; }
  mass[at] = before + sum;
}
