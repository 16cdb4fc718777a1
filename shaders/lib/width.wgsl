// How many values one invocation computes, for functions that work on one value or on four: rewritten by the host.
alias V = f32; // f32 or vec4f
alias W = u32; // the same width in u32
