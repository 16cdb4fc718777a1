// Reads the rows of a vocabulary tensor in the order of the output's tokens: a model's own rows, others in the place of
// those that it lacks, and the mean of all for padding. Rows are fetched by runs, never one by one where they follow.
import { toFloat32 } from "../../../../formats/tensor-data";
import type { Plan, PlannedTensor } from "../plan/plan";
import type { Stand } from "../plan/vocabulary";
import { type Loaded, metered } from "./chunks";
import type { Meter } from "./meter";

/** Rows that lie between two wanted ones and are read along, in bytes: a read costs more than these. */
const GAP_BYTES = 64 << 10;

/** Rows of one model, by number. */
type Rows = ReadonlyMap<number, Float32Array>;

/**
 * A loader of elements [from, to) of source `at`, which must be whole rows. Padding rows need the sum of all rows
 * before: a pass must begin at 0 and go in order, as chunks do.
 */
export function alignedRows(
  plan: Plan,
  tensor: PlannedTensor,
  at: number,
  meter: Meter,
): (from: number, to: number) => Promise<Loaded> {
  const { tokens, own, stands } = tensor.alignment!;
  const { model: self } = tensor.sources[at];
  const width = tensor.shape.slice(1).reduce((count, side) => count * side, 1);
  const nameIn = (model: number): string =>
    tensor.sources.find((source) => source.model === model)?.tensor ?? tensor.sources[at].tensor;

  const ownOf = (row: number): Stand => {
    const found = own[self][row];
    return found >= 0 ? [{ model: self, row: found }] : (stands.get(row) ?? []);
  };
  let sums = new Float64Array(width);

  return async (from, to) => {
    const first = from / width;
    const last = Math.min(to / width, tokens);
    const wanted = new Map<number, Set<number>>();
    for (let row = first; row < last; row++) {
      for (const { model, row: source } of ownOf(row)) {
        const rows = wanted.get(model) ?? new Set();
        wanted.set(model, rows.add(source));
      }
    }
    const read = new Map<number, Rows>();
    await Promise.all(
      [...wanted].map(async ([model, rows]) => {
        read.set(model, await fetchRows(plan, meter, model, nameIn(model), rows, width));
      }),
    );
    return (out) => {
      out.fill(0);
      if (from === 0) sums = new Float64Array(width);
      for (let row = first; row < to / width; row++) {
        const target = out.subarray((row - first) * width, (row - first + 1) * width);
        if (row >= tokens) {
          for (let i = 0; i < width; i++) target[i] = sums[i] / tokens;
          continue;
        }
        const parts = ownOf(row);
        for (const { model, row: source } of parts) {
          const values = read.get(model)!.get(source)!;
          for (let i = 0; i < width; i++) target[i] += values[i];
        }
        if (parts.length > 1) for (let i = 0; i < width; i++) target[i] /= parts.length;
        for (let i = 0; i < width; i++) sums[i] += target[i];
      }
      return out;
    };
  };
}

async function fetchRows(
  plan: Plan,
  meter: Meter,
  model: number,
  name: string,
  rows: ReadonlySet<number>,
  width: number,
): Promise<Rows> {
  const sorted = [...rows].sort((a, b) => a - b);
  const { model: source } = plan.models[model];
  const gap =
    GAP_BYTES /
    Math.max(1, (source.tensors.get(name)?.bytes ?? 0) / (source.tensors.get(name)?.shape[0] || 1));
  const found = new Map<number, Float32Array>();
  const runs: [number, number][] = [];
  for (const row of sorted) {
    const run = runs.at(-1);
    if (run && row - run[1] <= gap) run[1] = row + 1;
    else runs.push([row, row + 1]);
  }
  for (const [start, end] of runs) {
    const values = toFloat32(await metered(meter, source, name, start * width, end * width));
    for (let row = start; row < end; row++)
      if (rows.has(row)) found.set(row, values.subarray((row - start) * width, (row - start + 1) * width));
  }
  return found;
}
