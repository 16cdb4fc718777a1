// Places in the control block that the training kernels share with src/nn/control.ts. The CPU writes the first ones.
const LEARNING_RATE: u32 = 0u;
const BETA_1: u32 = 1u;
const BETA_2: u32 = 2u;
const LOG_BETA_1: u32 = 3u;
const LOG_BETA_2: u32 = 4u;
const EPSILON: u32 = 5u;
const MAX_NORM: u32 = 6u;
const GRADIENT_SCALE: u32 = 7u;
const EMA_DECAY: u32 = 8u;
const MOMENTUM: u32 = 9u;
const LOSS_SHARE: u32 = 10u;
const SCALE_GROWTH: u32 = 11u;
// Kept on the device from here on.
const STEP: u32 = 16u;
const RUNS: u32 = 17u;
const SKIPPED: u32 = 18u;
const NORM: u32 = 19u;
const FACTOR: u32 = 20u;
const BIAS_1: u32 = 21u;
const BIAS_2: u32 = 22u;
const IS_GOOD: u32 = 23u;
const BAD_CHUNK: u32 = 24u;
const SCALE: u32 = 25u;
const GOOD_RUN: u32 = 26u;
