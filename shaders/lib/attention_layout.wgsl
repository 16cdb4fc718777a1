// Where the rows of a head lie. As they stand, the constants describe heads one after the other: q [H, lq, D], k and v
// [H, lk, D]. The host sets them for heads side by side in a token's row, with queries, keys and values packed in one row
// [q heads | k heads | v heads]. Rows are counted in stretches of D numbers. Needs p.lq and p.lk.
const HEADS: u32 = 1u; // query heads in a row
const GROUP: u32 = 1u; // query heads that share a key head
const SLOTS: u32 = 1u; // stretches in a row of q, k and v
const K_SLOT: u32 = 0u; // place of the first key head in a row
const V_SHIFT: u32 = 0u; // from a key head to its values

/// First row of query head `head`; the next token's is SLOTS further.
fn q_row(head: u32) -> u32 { return head / HEADS * p.lq * SLOTS + head % HEADS; }
/// First row of the keys that query head `head` attends to; the next token's is SLOTS further.
fn k_row(head: u32) -> u32 { return head / HEADS * p.lk * SLOTS + K_SLOT + head % HEADS / GROUP; }
/// First row of the output of query head `head`; the next token's is HEADS further.
fn o_row(head: u32) -> u32 { return head / HEADS * p.lq * HEADS + head % HEADS; }
