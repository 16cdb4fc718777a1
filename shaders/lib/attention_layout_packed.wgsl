// Where the rows of a head lie, by uniforms: heads side by side in a token's row, packed as [q heads | k heads | v heads],
// or one after the other (heads, group and slots 1, the others 0). Rows are counted in stretches of D numbers.
// Needs p.lq, p.lk, p.heads (query heads in a row), p.group (query heads that share a key head), p.slots (stretches in a
// row of q, k and v), p.k_slot (place of the first key head), p.v_shift (from a key head to its values), p.causal.
fn q_row(head: u32) -> u32 { return head / p.heads * p.lq * p.slots + head % p.heads; }
fn k_row(head: u32) -> u32 { return head / p.heads * p.lk * p.slots + p.k_slot + head % p.heads / p.group; }
fn o_row(head: u32) -> u32 { return head / p.heads * p.lq * p.heads + head % p.heads; }
fn row_step() -> u32 { return p.slots; }
fn o_step() -> u32 { return p.heads; }
fn value_shift() -> u32 { return p.v_shift; }
fn causal() -> bool { return p.causal != 0u; }
