// Work that outlives its device: when the GPU is lost, a new one is opened and the work goes on from what it has saved. It
// knows neither what the work is nor what it saves.
import { TesseraError, toRecord } from "../base/errors";
import type { Gpu } from "./gpu";

/** Losses without progress in between after which the work is given up: the work itself may be what kills the device. */
const PATIENCE = 3;
/** What the device refuses when it goes may arrive before the loss does. */
const LOSS_WITHIN_MS = 500;

export interface Survival<R> {
  /** The device to work on; a new one when the last is lost. */
  open(): Promise<Gpu>;
  /** Does all that is left, from what was saved last. */
  work(gpu: Gpu): Promise<R>;
  /** Grows with what is saved: without growth, losses are counted. */
  saved(): number;
  /** Called after a loss that is not the last straw, before the new device is opened. */
  onLoss(): void;
}

/** @throws TesseraError `device-lost` after `PATIENCE` losses without progress, and what `open` and `work` throw. */
export async function survive<R>({ open, work, saved, onLoss }: Survival<R>): Promise<R> {
  let losses = 0;
  let before = saved();
  for (;;) {
    const gpu = await open();
    try {
      return await work(gpu);
    } catch (error) {
      if (!(await isLoss(gpu, error))) throw error;
      const now = saved();
      losses = now > before ? 1 : losses + 1;
      before = now;
      if (losses >= PATIENCE)
        throw new TesseraError(
          "device-lost",
          `The GPU was lost ${losses} times without progress in between. Results so far are kept. Choose a smaller size, close other tabs that use the GPU, or restart the browser; then go on.`,
          { losses },
        );
      onLoss();
    }
  }
}

/** Whether the device is gone, whatever the error says: pending calls fail in their own words. */
async function isLoss(gpu: Gpu, error: unknown): Promise<boolean> {
  const { code } = toRecord(error);
  if (code === "cancelled") return false;
  if (code === "device-lost" || gpu.isLost) return true;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), LOSS_WITHIN_MS);
  });
  const isLost = await Promise.race([gpu.lost.then(() => true as const), late]);
  clearTimeout(timer);
  return isLost;
}
