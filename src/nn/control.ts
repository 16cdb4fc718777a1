// The control block: the scalars of training that kernels share. The CPU writes the settings before a step; the step
// count, the gradient norm and the skipped steps live on the device, so that no step waits for a readback.
// The places are those of shaders/lib/control.wgsl.

export const CONTROL_SIZE = 64;
/** Settings are the first values; the rest belongs to the device. */
export const SETTINGS_SIZE = 16;

/** Device values by place. */
export const DEVICE_PLACES = { step: 16, runs: 17, skipped: 18, norm: 19, scale: 25 } as const;
/** Loss scale that mixed precision begins with; steps that overflow halve it. */
export const FIRST_SCALE = 2 ** 16;

export interface ControlSettings {
  learningRate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  /** Gradients are scaled down to this global norm; 0 leaves them. */
  maxNorm: number;
  /** Factor on all gradients before anything else: 1 / accumulated batches. The loss scale of mixed precision is apart. */
  gradientScale: number;
  /** Share of the old running average that a step keeps. */
  emaDecay: number;
  momentum: number;
  /** Factor on the loss before it goes into the history: 1 / accumulated batches. */
  lossShare: number;
  /** Good steps after which the loss scale of mixed precision doubles; 0 without mixed precision: no scale. */
  scaleGrowth: number;
}

/** The settings as the kernels read them. Logarithms are taken here, in float64. */
export function encodeSettings(s: ControlSettings): Float32Array<ArrayBuffer> {
  const values = new Float32Array(SETTINGS_SIZE);
  values.set([
    s.learningRate,
    s.beta1,
    s.beta2,
    Math.log(s.beta1),
    Math.log(s.beta2),
    s.epsilon,
    s.maxNorm,
    s.gradientScale,
    s.emaDecay,
    s.momentum,
    s.lossShare,
    s.scaleGrowth,
  ]);
  return values;
}
