// What all optimisers share on the device: flat gradients, their norm, the control block and its history, and AdamW. One
// AdamW update is three dispatches, whatever the number of tensors. It chooses no learning rate and reads nothing back.

import adamwText from "../../shaders/nn/adamw.wgsl?raw";
import addBatchText from "../../shaders/nn/add_batch.wgsl?raw";
import beginText from "../../shaders/nn/begin_update.wgsl?raw";
import partialsText from "../../shaders/nn/gradient_partials.wgsl?raw";
import { TesseraError } from "../base/errors";
import type { KernelSource, LinkOptions } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import type { Uniforms } from "../gpu/reflect";
import { CLOCK_SIZE } from "../ops/random";
import { copyInto } from "../tensor/copy";
import type { Shape } from "../tensor/shape";
import { empty, type Tensor, upload, zeros } from "../tensor/tensor";
import { CONTROL_SIZE, type ControlSettings, DEVICE_PLACES, encodeSettings, FIRST_SCALE } from "./control";
import { type HalfParameters, halfGradients, widenGradients } from "./mixed";
import { CHUNK, type Parameters } from "./parameters";

const partials: KernelSource = { file: "nn/gradient_partials.wgsl", text: partialsText };
const begin: KernelSource = { file: "nn/begin_update.wgsl", text: beginText };
const addBatch: KernelSource = { file: "nn/add_batch.wgsl", text: addBatchText };
const adamw: KernelSource = { file: "nn/adamw.wgsl", text: adamwText };

/** Lanes of nn/gradient_partials. */
const NORM_LANES = 64;
const NORM_GROUPS = 512;
/** Rows of the table of groups that fit beside the other uniforms. */
const MOST_GROUPS = 8;
/** Steps whose loss and norm stay on the device until they are read. */
export const HISTORY_ROWS = 1024;

/** What history says of a step that mixed precision left out. */
export const OVERFLOWED = -2;

export interface GroupSettings {
  /** Factor on the learning rate. */
  rate: number;
  weightDecay: number;
}

/** Optimiser state on the device; it belongs to the scope in which it was made. */
export interface OptimiserState {
  readonly parameters: Parameters;
  readonly gradients: Tensor;
  /** f32 [1], behind the gradients: the loss, or the sum of those of the accumulated batches. */
  readonly loss: Tensor;
  /** Gradients and loss together, and those of one batch where several are accumulated. */
  readonly sums: Tensor;
  readonly fresh: Tensor | undefined;
  /** The weights of mixed precision and room for their gradients. */
  readonly half: { weights: HalfParameters; gradients: Tensor } | undefined;
  /** u32 [2]: steps so far and batches so far in this one; random ops read it. */
  readonly clock: Tensor;
  readonly first: Tensor;
  readonly second: Tensor;
  /** Running average of the weights, when kept. */
  readonly average: Tensor | undefined;
  readonly control: Tensor;
  /**
   * f32 [HISTORY_ROWS, 4]: loss, gradient norm, learning rate, and of the step 0, or 1 + first bad chunk, or -1 for
   * a bad loss, or -2 when mixed precision left it out.
   */
  readonly history: Tensor;
  readonly table: Tensor;
  readonly rows: readonly number[];
}

/**
 * State for `parameters`, all moments zero. `group` gives the settings of a tensor; few different ones may occur.
 * `skip` names tensors that another optimiser updates.
 * @throws TesseraError `optimiser` for more than eight different settings.
 */
export function createState(
  parameters: Parameters,
  options: {
    group(name: string): GroupSettings;
    skip?(name: string): boolean;
    average?: boolean;
    /** True when a step takes several batches. */
    accumulates?: boolean;
    /** For mixed precision. */
    half?: HalfParameters;
    /** Loss scale that mixed precision begins with. */
    firstScale?: number;
  },
): OptimiserState {
  const { gpu, flat, places } = parameters;
  const rows: number[][] = [];
  const table = new Uint32Array(flat.size / CHUNK);
  for (const { name, start, size } of places) {
    const { rate, weightDecay } = options.group(name);
    const row = [rate, weightDecay, options.skip?.(name) ? 0 : 1, 0];
    let at = rows.findIndex((known) => known.every((v, i) => v === row[i]));
    if (at < 0) at = rows.push(row) - 1;
    table.fill(at, start / CHUNK, start / CHUNK + Math.ceil(size / CHUNK));
  }
  if (rows.length > MOST_GROUPS)
    throw new TesseraError(
      "optimiser",
      `At most ${MOST_GROUPS} groups of parameters can differ in rate and decay, got ${rows.length}`,
    );
  while (rows.length < MOST_GROUPS) rows.push([0, 0, 0, 0]);
  const same = (): Tensor => zeros(gpu, flat.shape);
  const average = options.average ? empty(gpu, flat.shape, "f32", "average") : undefined;
  if (average) copyInto(flat, average);
  const sums = zeros(gpu, [flat.size + CHUNK]);
  const values = new Float32Array(CONTROL_SIZE);
  if (options.half) values[DEVICE_PLACES.scale] = options.firstScale ?? FIRST_SCALE;
  const control = upload(gpu, values, [CONTROL_SIZE]);
  return {
    parameters,
    sums,
    gradients: sums.window(0, flat.shape),
    loss: sums.window(flat.size, [1]),
    half: options.half && { weights: options.half, gradients: halfGradients(options.half) },
    fresh: options.accumulates ? zeros(gpu, sums.shape) : undefined,
    clock: zeros(gpu, [CLOCK_SIZE], "u32"),
    first: same(),
    second: same(),
    average,
    control,
    history: zeros(gpu, [HISTORY_ROWS, 4]),
    table: upload(gpu, table, [table.length], "u32"),
    rows: rows.flat(),
  };
}

/** Writes the settings of the next step; outside of a recording, so that a replay takes what was written last. */
export function writeSettings({ control }: OptimiserState, settings: ControlSettings): void {
  const data = new Uint8Array(encodeSettings(settings).buffer);
  control.gpu.queue.record({ kind: "write", target: control.allocation, offset: 0, data });
}

/** Sets the clock for the batch that follows; outside of a recording, as `writeSettings`. */
export function writeClock({ clock }: OptimiserState, step: number, batch: number): void {
  const data = new Uint8Array(Uint32Array.of(step, batch).buffer);
  clock.gpu.queue.record({ kind: "write", target: clock.allocation, offset: 0, data });
}

/**
 * Puts the loss, f32 of one element, and the gradients, in the order of `parameters.places`, where the update reads them; on
 * top of what earlier batches of this step gave.
 */
export function collectGradients(state: OptimiserState, loss: Tensor, given: readonly Tensor[]): void {
  const { parameters, sums, fresh, clock, half } = state;
  const target = fresh ?? sums;
  if (half) widenGradients(half.weights, half.gradients, given, target);
  else for (const [i, { start }] of parameters.places.entries()) copyInto(given[i], target, { at: start });
  copyInto(loss, target, { at: parameters.flat.size });
  if (!fresh) return;
  const quads = sums.size / 4;
  dispatch(addBatch, {}, Math.ceil(quads / 64), { quads }, [fresh, clock, sums], sums.size);
}

/** The seed of the reverse sweep of mixed precision, f32 of `shape` with one element: the loss scale as it is now. */
export function lossScale({ control }: OptimiserState, shape: Shape): Tensor {
  const { gpu, allocation } = control;
  const scale = empty(gpu, shape, "f32", "loss scale");
  gpu.queue.record({
    kind: "copy",
    source: allocation,
    sourceOffset: 4 * DEVICE_PLACES.scale,
    target: scale.allocation,
    targetOffset: 0,
    bytes: 4,
  });
  return scale;
}

/** Takes the norm of the gradients, decides whether the step is good, and writes a line of history. */
export function beginUpdate(state: OptimiserState): void {
  const { parameters, gradients, loss, control, history } = state;
  const chunks = gradients.size / CHUNK;
  const groups = Math.min(NORM_GROUPS, Math.ceil((16 * chunks) / NORM_LANES));
  const parts = empty(parameters.gpu, [groups, 2], "f32", "norm parts");
  dispatch(
    partials,
    {},
    groups,
    { chunks, stride: groups * NORM_LANES },
    [gradients, parts],
    gradients.size * 2,
  );
  dispatch(begin, {}, 1, { count: groups, rows: HISTORY_ROWS }, [parts, loss, control, history], groups * 4);
  parts.free();
}

/** AdamW (Loshchilov and Hutter 2019) as PyTorch computes it, for all tensors that no other optimiser took. */
export function adamwUpdate(state: OptimiserState): void {
  const { parameters, gradients, first, second, average, control, table, rows } = state;
  const quads = gradients.size / 4;
  const last = average ?? zeros(parameters.gpu, [4]);
  dispatch(
    adamw,
    { constants: { EMA: average ? 1 : 0 } },
    Math.ceil(quads / 64),
    { quads, rows },
    [gradients, table, control, parameters.flat, first, second, last],
    gradients.size * 20,
  );
  if (!average) last.free();
}

/** Records one dispatch of a training kernel. These write in place, so they are no ops: a tape never sees them. */
export function dispatch(
  source: KernelSource,
  options: LinkOptions,
  groups: number,
  uniforms: Uniforms,
  bindings: readonly Tensor[],
  work: number,
): void {
  bindings[0].gpu.queue.record({
    kind: "dispatch",
    label: source.file,
    variants: [{ name: "only", kernel: kernel(source, options), groups, uniforms }],
    bindings: bindings.map((t) => t.allocation),
    work,
    shapeClass: "",
  });
}
