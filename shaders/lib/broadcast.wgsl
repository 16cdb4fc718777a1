// Where result `index` finds its operands when up to three of them are broadcast to one shape.
#import lib/grid

struct Params {
  axes: array<vec4u, 8>, // length, and the step of operands a, b, c along the axis
  first_group: u32,
  groups: u32,
  count: u32,
  repeat: u32,
  rank: u32, // at least 1; one axis takes no division
}

@group(0) @binding(7) var<uniform> p: Params;

fn positions(index: u32) -> vec3u {
  var rest = index;
  var at = vec3u(0u);
  for (var left = p.rank; left > 1u; left--) {
    let axis = p.axes[left - 1u];
    at += rest % axis.x * axis.yzw;
    rest /= axis.x;
  }
  return at + rest * p.axes[0].yzw;
}
