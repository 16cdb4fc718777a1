// c = act(scale·op(a)·op(b) + bias) + residual, 16 rows x 16 columns a quad: the four lanes share what they load of a.
// Reads a, b, bias, residual, writes c. Four invocations = one tile, lane q holds columns q, q + 4, q + 8, q + 12.
// Needs the subgroups feature; operands are read by value, so any row length will do.
enable subgroups;
#import lib/matmul_scalar
override LANES: u32 = 32u;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let across = (p.n + 15u) / 16u;
  let down = (p.m + 15u) / 16u;
  let count = across * down * batch_count();
  if (group >= p.groups) { return; }
  // Broadcasts need every lane: lanes past the last tile compute it again and do not store.
  let wanted = (group * LANES + lane) / 4u;
  let tile = min(wanted, count - 1u);
  let q = lane % 4u;
  let index = tile / (across * down);
  let row = tile / across % down * 16u;
  let col = tile % across * 16u + q;
  let base = batch_offsets(index);
  let last = p.m - 1u;
  let r0 = base.x + min(row + 0u, last) * p.a_row; var c0 = vec4f();
  let r1 = base.x + min(row + 1u, last) * p.a_row; var c1 = vec4f();
  let r2 = base.x + min(row + 2u, last) * p.a_row; var c2 = vec4f();
  let r3 = base.x + min(row + 3u, last) * p.a_row; var c3 = vec4f();
  let r4 = base.x + min(row + 4u, last) * p.a_row; var c4 = vec4f();
  let r5 = base.x + min(row + 5u, last) * p.a_row; var c5 = vec4f();
  let r6 = base.x + min(row + 6u, last) * p.a_row; var c6 = vec4f();
  let r7 = base.x + min(row + 7u, last) * p.a_row; var c7 = vec4f();
  let r8 = base.x + min(row + 8u, last) * p.a_row; var c8 = vec4f();
  let r9 = base.x + min(row + 9u, last) * p.a_row; var c9 = vec4f();
  let r10 = base.x + min(row + 10u, last) * p.a_row; var c10 = vec4f();
  let r11 = base.x + min(row + 11u, last) * p.a_row; var c11 = vec4f();
  let r12 = base.x + min(row + 12u, last) * p.a_row; var c12 = vec4f();
  let r13 = base.x + min(row + 13u, last) * p.a_row; var c13 = vec4f();
  let r14 = base.x + min(row + 14u, last) * p.a_row; var c14 = vec4f();
  let r15 = base.x + min(row + 15u, last) * p.a_row; var c15 = vec4f();
  let n0 = base.y + min(col + 0u, p.n - 1u) * p.b_col;
  let n1 = base.y + min(col + 4u, p.n - 1u) * p.b_col;
  let n2 = base.y + min(col + 8u, p.n - 1u) * p.b_col;
  let n3 = base.y + min(col + 12u, p.n - 1u) * p.b_col;
  for (var k = 0u; k < p.k; k += 4u) {
    let mine = min(k + q, p.k - 1u) * p.a_inner;
    let weight = select(0.0, 1.0, k + q < p.k);
    let a0 = f32(a[r0 + mine]) * weight;
    let a1 = f32(a[r1 + mine]) * weight;
    let a2 = f32(a[r2 + mine]) * weight;
    let a3 = f32(a[r3 + mine]) * weight;
    let a4 = f32(a[r4 + mine]) * weight;
    let a5 = f32(a[r5 + mine]) * weight;
    let a6 = f32(a[r6 + mine]) * weight;
    let a7 = f32(a[r7 + mine]) * weight;
    let a8 = f32(a[r8 + mine]) * weight;
    let a9 = f32(a[r9 + mine]) * weight;
    let a10 = f32(a[r10 + mine]) * weight;
    let a11 = f32(a[r11 + mine]) * weight;
    let a12 = f32(a[r12 + mine]) * weight;
    let a13 = f32(a[r13 + mine]) * weight;
    let a14 = f32(a[r14 + mine]) * weight;
    let a15 = f32(a[r15 + mine]) * weight;
    {
      let at = min(k + 0u, p.k - 1u) * p.b_inner;
      let v = vec4f(f32(b[n0 + at]), f32(b[n1 + at]), f32(b[n2 + at]), f32(b[n3 + at]));
      c0 += quadBroadcast(a0, 0u) * v; c1 += quadBroadcast(a1, 0u) * v;
      c2 += quadBroadcast(a2, 0u) * v; c3 += quadBroadcast(a3, 0u) * v;
      c4 += quadBroadcast(a4, 0u) * v; c5 += quadBroadcast(a5, 0u) * v;
      c6 += quadBroadcast(a6, 0u) * v; c7 += quadBroadcast(a7, 0u) * v;
      c8 += quadBroadcast(a8, 0u) * v; c9 += quadBroadcast(a9, 0u) * v;
      c10 += quadBroadcast(a10, 0u) * v; c11 += quadBroadcast(a11, 0u) * v;
      c12 += quadBroadcast(a12, 0u) * v; c13 += quadBroadcast(a13, 0u) * v;
      c14 += quadBroadcast(a14, 0u) * v; c15 += quadBroadcast(a15, 0u) * v;
    }
    {
      let at = min(k + 1u, p.k - 1u) * p.b_inner;
      let v = vec4f(f32(b[n0 + at]), f32(b[n1 + at]), f32(b[n2 + at]), f32(b[n3 + at]));
      c0 += quadBroadcast(a0, 1u) * v; c1 += quadBroadcast(a1, 1u) * v;
      c2 += quadBroadcast(a2, 1u) * v; c3 += quadBroadcast(a3, 1u) * v;
      c4 += quadBroadcast(a4, 1u) * v; c5 += quadBroadcast(a5, 1u) * v;
      c6 += quadBroadcast(a6, 1u) * v; c7 += quadBroadcast(a7, 1u) * v;
      c8 += quadBroadcast(a8, 1u) * v; c9 += quadBroadcast(a9, 1u) * v;
      c10 += quadBroadcast(a10, 1u) * v; c11 += quadBroadcast(a11, 1u) * v;
      c12 += quadBroadcast(a12, 1u) * v; c13 += quadBroadcast(a13, 1u) * v;
      c14 += quadBroadcast(a14, 1u) * v; c15 += quadBroadcast(a15, 1u) * v;
    }
    {
      let at = min(k + 2u, p.k - 1u) * p.b_inner;
      let v = vec4f(f32(b[n0 + at]), f32(b[n1 + at]), f32(b[n2 + at]), f32(b[n3 + at]));
      c0 += quadBroadcast(a0, 2u) * v; c1 += quadBroadcast(a1, 2u) * v;
      c2 += quadBroadcast(a2, 2u) * v; c3 += quadBroadcast(a3, 2u) * v;
      c4 += quadBroadcast(a4, 2u) * v; c5 += quadBroadcast(a5, 2u) * v;
      c6 += quadBroadcast(a6, 2u) * v; c7 += quadBroadcast(a7, 2u) * v;
      c8 += quadBroadcast(a8, 2u) * v; c9 += quadBroadcast(a9, 2u) * v;
      c10 += quadBroadcast(a10, 2u) * v; c11 += quadBroadcast(a11, 2u) * v;
      c12 += quadBroadcast(a12, 2u) * v; c13 += quadBroadcast(a13, 2u) * v;
      c14 += quadBroadcast(a14, 2u) * v; c15 += quadBroadcast(a15, 2u) * v;
    }
    {
      let at = min(k + 3u, p.k - 1u) * p.b_inner;
      let v = vec4f(f32(b[n0 + at]), f32(b[n1 + at]), f32(b[n2 + at]), f32(b[n3 + at]));
      c0 += quadBroadcast(a0, 3u) * v; c1 += quadBroadcast(a1, 3u) * v;
      c2 += quadBroadcast(a2, 3u) * v; c3 += quadBroadcast(a3, 3u) * v;
      c4 += quadBroadcast(a4, 3u) * v; c5 += quadBroadcast(a5, 3u) * v;
      c6 += quadBroadcast(a6, 3u) * v; c7 += quadBroadcast(a7, 3u) * v;
      c8 += quadBroadcast(a8, 3u) * v; c9 += quadBroadcast(a9, 3u) * v;
      c10 += quadBroadcast(a10, 3u) * v; c11 += quadBroadcast(a11, 3u) * v;
      c12 += quadBroadcast(a12, 3u) * v; c13 += quadBroadcast(a13, 3u) * v;
      c14 += quadBroadcast(a14, 3u) * v; c15 += quadBroadcast(a15, 3u) * v;
    }
  }
  if (wanted >= count) { return; }
  // One loop keeps one copy of the epilogue in the program; written out, it took drivers seconds to compile.
  var rows = array<vec4f, 16>(c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15);
  for (var i = 0u; i < 16u; i++) { store_spread(index, row + i, col, rows[i]); }
}
