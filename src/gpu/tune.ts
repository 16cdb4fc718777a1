// Picks the fastest of several variants by timing them once per device and shape class. No vendor is ever named.
import type { Dispatch, Variant } from "./work";

/** Where winners are kept between sessions (IndexedDB in the browser, a file in Node). */
export interface TuneStore {
  load(): Promise<Readonly<Record<string, string>>>;
  save(winners: Readonly<Record<string, string>>): Promise<void>;
}

/** Remembers winners for as long as it lives, also where `store` cannot: a device that takes over rounds as the one before. */
export function rememberWinners(store?: TuneStore): TuneStore {
  let known: Readonly<Record<string, string>> | undefined;
  return {
    load: async () => known ?? (await store?.load()) ?? {},
    async save(winners) {
      known = { ...winners };
      await store?.save(winners);
    },
  };
}

/** Times one variant on `share` of its grid (0: one workgroup); resolves to milliseconds for the whole grid. */
export type TimeVariant = (variant: Variant, share: number) => Promise<number>;

/** Work of the first trial, in operations: short on the slowest software adapter. */
const FIRST_TRIAL_OPERATIONS = 4e6;
/** A trial shorter than this measures launch and latency; it is repeated on a larger share of the grid. */
const TRIAL_MS = 6;
const TRIALS = 3;
/** A trial this long needs no repeat: noise is small beside it, and one workgroup over a long row can take a second. */
const LONG_TRIAL_MS = 60;

export class Tuner {
  private winners: Record<string, string> = {};
  private loading: Promise<void> | undefined;
  private readonly forced = new Map<string, string>();
  /** False: a dispatch takes its first variant, untimed, unless another is forced. Checks run every variant themselves. */
  timesVariants = true;
  /** By label, the variants that dispatches had to choose from. */
  readonly offered = new Map<string, Set<string>>();
  /** What was measured, for the "Check my GPU" page and benches. */
  readonly trials: { key: string; variant: string; ms: number }[] = [];

  constructor(
    private readonly deviceKey: string,
    private readonly store?: TuneStore,
  ) {}

  /** Makes every dispatch that has a variant of this name use it. Tests and benches only. */
  force(label: string, variant: string | undefined): void {
    if (variant === undefined) this.forced.delete(label);
    else this.forced.set(label, variant);
  }

  /** Ends every forcing. */
  forceNone(): void {
    this.forced.clear();
  }

  async choose(item: Dispatch, time: TimeVariant): Promise<Variant> {
    const offered = this.offered.get(item.label) ?? new Set();
    for (const variant of item.variants) offered.add(variant.name);
    this.offered.set(item.label, offered);
    const forced = item.variants.find((v) => v.name === this.forced.get(item.label));
    if (forced) return forced;
    if (!this.timesVariants) return item.variants[0];
    this.loading ??= this.load();
    await this.loading;
    const texts = item.variants.map((v) => v.kernel.key).join(",");
    const key = `${this.deviceKey}|${item.label}|${item.shapeClass}|${texts}`;
    const known = item.variants.find((v) => v.name === this.winners[key]);
    if (known) return known;

    const share = await this.trialShare(item, time);
    let best: Variant = item.variants[0];
    let bestMs = Number.POSITIVE_INFINITY;
    for (const variant of item.variants) {
      await time(variant, 0); // compiles on drivers that do so at first dispatch
      let ms = Number.POSITIVE_INFINITY;
      for (let i = 0; i < TRIALS; i++) {
        ms = Math.min(ms, await time(variant, share));
        if (ms * share > LONG_TRIAL_MS || ms > 2 * bestMs) break;
      }
      this.trials.push({ key, variant: variant.name, ms });
      if (ms < bestMs) [best, bestMs] = [variant, ms];
    }
    this.winners[key] = best.name;
    await this.store?.save(this.winners).catch(() => {}); // a full disk must not stop a computation
    return best;
  }

  /** Share of the grid that keeps the first variant busy for `TRIAL_MS`, at most all of it. */
  private async trialShare(item: Dispatch, time: TimeVariant): Promise<number> {
    await time(item.variants[0], 0);
    const oneGroup = 1 / Math.max(1, item.variants[0].groups); // less than that cannot run
    let share = Math.min(1, Math.max(oneGroup, FIRST_TRIAL_OPERATIONS / Math.max(1, item.work)));
    while (share < 1) {
      const ms = (await time(item.variants[0], share)) * share;
      if (ms >= TRIAL_MS) break;
      // At most sixteen times as much at once: a fast first guess must not lead to a trial of seconds.
      share = Math.min(1, share * Math.min(16, Math.max(2, TRIAL_MS / Math.max(ms, 0.1))));
    }
    return share;
  }

  private async load(): Promise<void> {
    this.winners = { ...(await this.store?.load().catch(() => ({}))) };
  }
}
