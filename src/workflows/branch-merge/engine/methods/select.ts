// Order statistics of a tensor that is only ever seen in parts: exact, by counting keys in two passes. It keeps no
// element; memory is 256 KiB for each list of ranks and for each key that is sought.

/** Calls `visit` with the keys of every element, group by group, in any portions. */
export type KeyScan = (visit: (group: number, keys: Uint32Array, length: number) => void) => Promise<void>;

/** What stands at one rank. */
export interface Ranked {
  key: number;
  /** Elements with a smaller key, and with this one. */
  below: number;
  equal: number;
}

const BINS = 65536;

/**
 * The keys at some ranks, 0 the smallest, for each group: first by the upper 16 bits of the keys, then by the lower.
 * `ranks` is asked after the first pass, so that it may depend on what the scan has counted; within the number of
 * elements.
 */
export async function selectRanks(
  groups: number,
  ranks: (group: number) => readonly number[],
  scan: KeyScan,
): Promise<Ranked[][]> {
  const upper = Array.from({ length: groups }, () => new Uint32Array(BINS));
  await scan((group, keys, length) => {
    const bins = upper[group];
    for (let i = 0; i < length; i++) bins[keys[i] >>> 16]++;
  });
  const coarse = upper.map((bins, group) => ranks(group).map((rank) => findRank(bins, rank)));
  // For each bin that holds a rank, where its lower bits are counted: a number from 1; 0 for the other bins.
  const places = coarse.map((found) => {
    const place = new Uint8Array(BINS);
    let used = 0;
    for (const { bin } of found) place[bin] ||= ++used;
    return place;
  });
  const lower = coarse.map((found) => new Uint32Array(BINS * found.length));
  await scan((group, keys, length) => {
    const place = places[group];
    const bins = lower[group];
    for (let i = 0; i < length; i++) {
      const at = place[keys[i] >>> 16];
      if (at) bins[((at - 1) << 16) | (keys[i] & 0xffff)]++;
    }
  });
  return coarse.map((found, group) =>
    found.map(({ bin, below, rank }) => {
      const from = (places[group][bin] - 1) << 16;
      const fine = findRank(lower[group].subarray(from, from + BINS), rank - below);
      return {
        key: ((bin << 16) | fine.bin) >>> 0,
        below: below + fine.below,
        equal: lower[group][from + fine.bin],
      };
    }),
  );
}

/** The bin that holds the element at a rank, and how many elements lie in the bins before. */
function findRank(bins: Uint32Array, rank: number): { bin: number; below: number; rank: number } {
  let below = 0;
  for (let bin = 0; bin < BINS; bin++) {
    if (below + bins[bin] > rank) return { bin, below, rank };
    below += bins[bin];
  }
  throw new RangeError(`rank ${rank} of ${below} elements`);
}
