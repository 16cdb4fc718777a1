// Operands of the matmul kernels that read single values: any strides, any length.
#import lib/matmul_epilogue

struct Params {
  batch: vec4u, // row-major shape of the batch
  a_batch: vec4u, // strides of a and b along the batch, in elements, as all strides here
  b_batch: vec4u,
  first_group: u32,
  groups: u32,
  m: u32,
  n: u32,
  k: u32,
  a_row: u32,
  a_inner: u32,
  b_inner: u32,
  b_col: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> a: array<T>;
@group(0) @binding(1) var<storage, read> b: array<T>;
@group(0) @binding(5) var<uniform> p: Params;

// Stores columns col, col + 4, col + 8, col + 12 of one row.
fn store_spread(index: u32, row: u32, col: u32, value: vec4f) {
  if (row >= p.m) { return; }
  let start = (index * p.m + row) * p.n;
  for (var j = 0u; j < 4u; j++) {
    let at = col + 4u * j;
    if (at < p.n) { c[start + at] = R(finish(value[j], start + at, at)); }
  }
}
