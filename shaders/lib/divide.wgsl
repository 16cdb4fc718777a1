// Whole division of small numbers: a quarter of the cost of the operator, which devices work out in software.
/// n / d for `by` = 1 / d and n < 2^22: the half keeps the rounded product off the whole numbers.
fn divide(n: u32, by: f32) -> u32 { return u32((f32(n) + 0.5) * by); }
