// y = a where c is not zero, else b, with broadcasting. Bits are moved. Reads a, b, c, writes y. One invocation = one
// value, or four neighbours on the last axis, `repeat` times; an operand that is constant along that axis is then read as one value.
#import lib/broadcast
#import lib/width
alias T = u32; // f16, or the bits of any 4-byte type
alias A = T; // as stored: T or vec4<T>
alias B = T;
alias C = u32; // u32 or vec4u
alias Y = T;
override LANES: u32 = 64u;

@group(0) @binding(0) var<storage, read> a: array<A>;
@group(0) @binding(1) var<storage, read> b: array<B>;
@group(0) @binding(2) var<storage, read> c: array<C>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  if (group >= p.groups) { return; }
  for (var k = 0u; k < p.repeat; k++) {
    let i = (group * p.repeat + k) * LANES + lane;
    if (i >= p.count) { return; }
    let at = positions(i);
    y[i] = select(Y(b[at.y]), Y(a[at.x]), W(c[at.z]) != W(0u));
  }
}
