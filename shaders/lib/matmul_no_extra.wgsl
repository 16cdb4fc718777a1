// A matmul without a second result; lib/matmul_extra takes its place.
fn keep_argument(at: u32, value: f32) {}
fn store_sum(row: u32, value: f32) {}
fn count_row(part: u32, block: mat4x4f, col: u32) {}
fn store_counts(index: u32, row: u32, part: u32, col: u32) {}
