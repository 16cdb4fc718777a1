// Muon: momentum whose matrices are orthogonalised by Newton-Schulz before the step, as torch.optim.Muon computes it but in
// f32 throughout (PyTorch iterates in bfloat16). Matrices of one shape lie side by side and go as one batch.
// Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.
import applyText from "../../shaders/nn/muon_apply.wgsl?raw";
import momentumText from "../../shaders/nn/muon_momentum.wgsl?raw";
import scaleText from "../../shaders/nn/muon_scale.wgsl?raw";
import { TesseraError } from "../base/errors";
import type { KernelSource } from "../gpu/link";
import { matmul } from "../ops/matmul";
import { formatShape, sameShape } from "../tensor/shape";
import { empty, type Tensor } from "../tensor/tensor";
import { dispatch, type OptimiserState } from "./optimiser";
import { CHUNK, type Place } from "./parameters";

const momentumKernel: KernelSource = { file: "nn/muon_momentum.wgsl", text: momentumText };
const scaleKernel: KernelSource = { file: "nn/muon_scale.wgsl", text: scaleText };
const applyKernel: KernelSource = { file: "nn/muon_apply.wgsl", text: applyText };

/** Coefficients of the quintic, chosen for a steep slope at zero. */
const [A, B, C] = [3.4445, -4.775, 2.0315];
const STEPS = 5;
const EPSILON = 1e-7;
const STRIPS = 16;
const LANES = 64;

export interface MuonSettings {
  /** 0.95 when left out. */
  momentum?: number;
  /** True when left out. */
  nesterov?: boolean;
  weightDecay: number;
  /**
   * Factor on the learning rate for a matrix [rows, columns]: √max(1, rows / columns), or 0.2·√max(rows, columns), with
   * which the update has the size that AdamW's has. The first when left out.
   */
  adjust?: "original" | "match-rms-adamw";
}

/** Matrices of one shape that lie side by side in the flat buffer. */
interface MatrixGroup {
  start: number;
  count: number;
  rows: number;
  columns: number;
}

/** @throws TesseraError `optimiser` for a parameter that is no matrix. */
export function matrixGroups(places: readonly Place[]): MatrixGroup[] {
  const groups: MatrixGroup[] = [];
  for (const { name, spec, start, size } of places) {
    if (!spec.muon) continue;
    const [rows, columns] = spec.shape;
    if (spec.shape.length !== 2)
      throw new TesseraError("optimiser", `Muon updates matrices, ${name} is ${formatShape(spec.shape)}`, {
        name,
      });
    const last = groups.at(-1);
    const follows = last && size % CHUNK === 0 && start === last.start + last.count * size;
    if (follows && sameShape([rows, columns], [last.rows, last.columns])) last.count++;
    else groups.push({ start, count: 1, rows, columns });
  }
  return groups;
}

/** One step of all matrices; call it between `beginUpdate` and `adamwUpdate`. */
export function muonUpdate(state: OptimiserState, settings: MuonSettings): void {
  for (const group of matrixGroups(state.parameters.places)) updateGroup(state, group, settings);
}

function updateGroup(
  { parameters, gradients, first, control }: OptimiserState,
  { start, count, rows, columns }: MatrixGroup,
  { nesterov = true, weightDecay, adjust = "original" }: MuonSettings,
): void {
  const { gpu, flat } = parameters;
  const shape = [count, rows, columns];
  const size = rows * columns;
  const part = (tensor: Tensor): Tensor => tensor.window(start, shape);
  const [g, m, w] = [gradients, first, flat].map(part);
  const u = empty(gpu, shape, "f32", "muon");
  const parts = empty(gpu, [count, STRIPS], "f32", "muon norms");
  const all = count * size;
  dispatch(
    momentumKernel,
    {},
    count * STRIPS,
    { size, nesterov: nesterov ? 1 : 0 },
    [g, control, m, u, parts],
    all * 8,
  );
  const z = empty(gpu, shape, "f32", "muon");
  dispatch(
    scaleKernel,
    {},
    Math.ceil(all / LANES),
    { count: all, size, epsilon: EPSILON },
    [u, parts, z],
    all,
  );
  const { result, scale } = orthogonalise(z, rows > columns);
  const adjusted =
    adjust === "original" ? Math.sqrt(Math.max(1, rows / columns)) : 0.2 * Math.sqrt(Math.max(rows, columns));
  dispatch(
    applyKernel,
    {},
    Math.ceil(all / LANES),
    { count: all, decay: weightDecay, factor: adjusted * scale },
    [result, control, w],
    all * 4,
  );
  for (const tensor of [g, m, w, u, parts, z, result]) tensor.free();
}

/**
 * X ← aX + (bA + cA²)X with A = XXᵀ, five times; for tall matrices A = XᵀX on the other side. X is scale·result: the factor
 * a of each round is left to the end, and b goes into A, so that each round is three products and nothing else.
 */
function orthogonalise(start: Tensor, tall: boolean): { result: Tensor; scale: number } {
  let [z, scale] = [start, 1];
  for (let step = 0; step < STEPS; step++) {
    const gram = matmul(z, z, { transposeA: tall, transposeB: !tall, scale: B * scale * scale });
    const update = matmul(gram, gram, { scale: C / (B * B), residual: gram });
    const [left, right] = tall ? [z, update] : [update, z];
    const next = matmul(left, right, { scale: 1 / A, residual: z });
    scale *= A;
    for (const tensor of [gram, update, ...(step > 0 ? [z] : [])]) tensor.free();
    z = next;
  }
  return { result: z, scale };
}
