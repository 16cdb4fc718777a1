// Head-adaptive budgets (paper 4.4): heads of high recall skip more, as many of low recall skip less.
import { TesseraError } from "../../../base/errors";

/** A head counts as sparse when it keeps more than this at the uniform budget. */
export const HIGH_RECALL = 0.8;

export interface Tiers {
  /** Sparsity per head; the mean equals the sparsity asked. */
  sparsity: number[];
  /** +1 skips more, -1 skips less, 0 as asked. */
  tier: (-1 | 0 | 1)[];
  /** Size of each outer group. */
  n: number;
}

/**
 * Splits heads by their recall at the uniform budget: with n heads above 0.8, the n best get (1+s)/2 and the n worst
 * (3s-1)/2. deviates: n is clamped to floor(H/2), since beyond it the two groups overlap (the paper does not say).
 * @throws TesseraError `params` for s < 1/3, where (3s-1)/2 would be negative.
 */
export function assignTiers(recalls: readonly number[], sparsity: number, high = HIGH_RECALL): Tiers {
  if (sparsity < 1 / 3) {
    throw new TesseraError(
      "params",
      `Head-adaptive tiers need a sparsity of at least 1/3, got ${sparsity}; raise it or turn tiers off.`,
      { sparsity },
    );
  }
  const heads = recalls.length;
  const n = Math.min(recalls.filter((r) => r > high).length, Math.floor(heads / 2));
  const order = recalls.map((_, h) => h).sort((a, b) => recalls[b] - recalls[a] || a - b);
  const tier = new Array<-1 | 0 | 1>(heads).fill(0);
  for (let i = 0; i < n; i++) {
    tier[order[i]] = 1;
    tier[order[heads - 1 - i]] = -1;
  }
  const of = { 1: (1 + sparsity) / 2, 0: sparsity, [-1]: (3 * sparsity - 1) / 2 };
  return { sparsity: tier.map((t) => of[t]), tier, n };
}
