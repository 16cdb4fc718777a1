// c = act(scale·Σ partial[s] + bias) + residual: the end of a matmul whose inner axis was split. Reads partial, bias,
// residual, writes c. One invocation = one result; the partial sums are added in order, so the result is repeatable.
// Row sums (p.extra 2) were taken by parts too; the parts come in place of a bias, and lib/matmul_extra writes their sums.
#import lib/matmul_epilogue
override LANES: u32 = 64u;

struct Params {
  batch: vec4u,
  first_group: u32,
  groups: u32,
  m: u32,
  n: u32,
  splits: u32,
  activation: u32, // see lib/matmul_epilogue
  use_bias: u32,
  use_residual: u32,
  extra: u32, // see lib/matmul_extra
  scale: f32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(5) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let at = group * LANES + lane;
  let count = batch_count() * p.m * p.n;
  if (group >= p.groups) { return; }
  if (at >= count) {
    let row = at - count;
    if (p.extra == 2u && row < p.m) {
      var total = 0.0;
      for (var s = 0u; s < p.splits; s++) { total += f32(bias[s * p.m + row]); }
      store_sum(row, total);
    }
    return;
  }
  var sum = 0.0;
  for (var s = 0u; s < p.splits; s++) { sum += a[s * count + at]; }
  c[at] = R(finish(sum, at, at % p.n));
}
