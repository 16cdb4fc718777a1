// Tells when nothing is happening: no work pending, no animation running, no change of page under way, two frames
// without news. Tests wait on it.
import { version } from "../../package.json";
import { pendingWork, workDone } from "../base/idle";
import { isNavigating } from "./router";

declare global {
  interface Window {
    tessera: { idle(): Promise<void>; version: string };
  }
}

const frame = (): Promise<void> => new Promise((resolve) => requestAnimationFrame(() => resolve()));

/** Animations that end; spinners, which do not, stand for work and are covered by the work counter. */
function finiteAnimations(): Animation[] {
  return document
    .getAnimations()
    .filter(
      (animation) =>
        animation.playState === "running" && Number.isFinite(animation.effect?.getComputedTiming().endTime),
    );
}

/** Resolves once two frames in a row saw no pending work, no running animation and no change of page. */
export async function idle(): Promise<void> {
  let quiet = 0;
  while (quiet < 2) {
    await workDone();
    await Promise.allSettled(finiteAnimations().map((animation) => animation.finished));
    await frame();
    const isQuiet = pendingWork() === 0 && finiteAnimations().length === 0 && !isNavigating();
    quiet = isQuiet ? quiet + 1 : 0;
  }
}

/** Puts the promise where tests and the curious find it. */
export function exposeIdle(): void {
  window.tessera = { idle, version };
}

export { version };
