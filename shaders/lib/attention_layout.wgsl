// Where the rows of a head lie when heads come one after the other: q [H, lq, D], k and v [H, lk, D]. Rows are counted in
// stretches of D numbers. lib/attention_layout_packed takes its place for heads side by side. Needs p.lq and p.lk.
/// First row of query head `head`; the next token's is row_step() further.
fn q_row(head: u32) -> u32 { return head * p.lq; }
/// First row of the keys that query head `head` attends to; the next token's is row_step() further.
fn k_row(head: u32) -> u32 { return head * p.lk; }
/// First row of the output of query head `head`; the next token's is o_step() further.
fn o_row(head: u32) -> u32 { return head * p.lq; }
fn row_step() -> u32 { return 1u; }
fn o_step() -> u32 { return 1u; }
/// From a row of keys to the row of its values, in a tensor that holds both.
fn value_shift() -> u32 { return 0u; }
/// True when row i sees keys up to i + lk - lq only.
fn causal() -> bool { return false; }
