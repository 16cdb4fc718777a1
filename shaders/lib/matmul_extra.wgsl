// The second result of a matmul, in place of lib/matmul_no_extra: what goes into the activation (p.extra 1), or the sums
// over the rows of op(a) (p.extra 2), which are a bias gradient when a holds the gradients of a layer's results. Sums are
// taken by those who compute the first columns.
const ARGUMENT: u32 = 1u;
const ROW_SUMS: u32 = 2u;

@group(0) @binding(6) var<storage, read_write> extra: array<R>;
var<private> row_totals: array<vec4f, 4>;

fn keep_argument(at: u32, value: f32) {
  if (p.extra == ARGUMENT) { extra[at] = R(value); }
}
fn store_sum(row: u32, value: f32) { extra[row] = R(value); }
/// Adds four inner indices of the rows of block number `part`; matrix columns are rows.
fn count_row(part: u32, block: mat4x4f, col: u32) {
  if (p.extra == ROW_SUMS && col == 0u) { row_totals[part] += vec4f(1.0) * block; }
}
fn store_counts(index: u32, row: u32, part: u32, col: u32) {
  if (p.extra != ROW_SUMS || col > 0u) { return; }
  for (var i = 0u; i < min(4u, p.m - min(p.m, row)); i++) { extra[index * p.m + row + i] = R(row_totals[part][i]); }
}
