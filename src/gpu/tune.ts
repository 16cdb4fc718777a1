// Picks the fastest of several variants by timing them once per device and shape class. No vendor is ever named.
import type { Dispatch, Variant } from "./queue";

/** Where winners are kept between sessions (IndexedDB in the browser, a file in Node). */
export interface TuneStore {
  load(): Promise<Readonly<Record<string, string>>>;
  save(winners: Readonly<Record<string, string>>): Promise<void>;
}

/** Times one variant on `share` of its grid; resolves to milliseconds for the whole grid. */
export type TimeVariant = (variant: Variant, share: number) => Promise<number>;

/** Work that a trial may take at most, in operations: small enough for the slowest software adapter. */
const TRIAL_OPERATIONS = 4e7;
const TRIALS = 3;

export class Tuner {
  private winners: Record<string, string> = {};
  private loading: Promise<void> | undefined;
  private readonly forced = new Map<string, string>();
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

  async choose(item: Dispatch, time: TimeVariant): Promise<Variant> {
    const forced = item.variants.find((v) => v.name === this.forced.get(item.label));
    if (forced) return forced;
    this.loading ??= this.load();
    await this.loading;
    const texts = item.variants.map((v) => v.kernel.key).join(",");
    const key = `${this.deviceKey}|${item.label}|${item.shapeClass}|${texts}`;
    const known = item.variants.find((v) => v.name === this.winners[key]);
    if (known) return known;

    const share = Math.min(1, TRIAL_OPERATIONS / Math.max(1, item.work));
    let best: Variant = item.variants[0];
    let bestMs = Number.POSITIVE_INFINITY;
    for (const variant of item.variants) {
      await time(variant, Math.min(share, 1e-6)); // compiles on drivers that do so at first dispatch
      let ms = Number.POSITIVE_INFINITY;
      for (let i = 0; i < TRIALS; i++) ms = Math.min(ms, await time(variant, share));
      this.trials.push({ key, variant: variant.name, ms });
      if (ms < bestMs) [best, bestMs] = [variant, ms];
    }
    this.winners[key] = best.name;
    await this.store?.save(this.winners).catch(() => {}); // a full disk must not stop a computation
    return best;
  }

  private async load(): Promise<void> {
    this.winners = { ...(await this.store?.load().catch(() => ({}))) };
  }
}
