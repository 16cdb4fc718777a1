// Exported mask layouts: each is read back and must say the same as the mask it came from.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { openTensorFile } from "../../formats/open";
import { bytesSource } from "../../formats/source";
import {
  bsaArrays,
  flashinferArrays,
  flexArrays,
  type MaskSet,
  maskFile,
  reblock,
  spargeArrays,
} from "./engine/export";
import { goldenCases, goldenTensors } from "./golden/load";

/** The golden mask of a case, as the export takes it. */
function goldenSet(name: string): MaskSet {
  const { heads, length, block } = goldenCases[name];
  const mask = goldenTensors(goldenCases[name]).kept_tiers as Uint8Array;
  return { heads, batch: 2, side: block, length, blocks: Math.ceil(length / block), mask, order: "raster" };
}

const numbers = (data: ArrayBufferView): number[] => [...(data as unknown as Iterable<number>)];

describe.each(["even", "tail"])("%s", (name) => {
  const set = goldenSet(name);
  const n = set.blocks;

  test("FlexAttention lists give the mask back, kept blocks first and ascending, the rest behind", () => {
    const a = flexArrays(set);
    const mask = new Uint8Array(set.mask.length);
    for (const kind of ["", "full_"]) {
      const counts = numbers(a[`${kind}kv_num_blocks`].data);
      const indices = numbers(a[`${kind}kv_indices`].data);
      for (let row = 0; row < counts.length; row++) {
        const list = indices.slice(row * n, (row + 1) * n);
        expect([...list].sort((x, y) => x - y)).toEqual(Array.from({ length: n }, (_, i) => i));
        const kept = list.slice(0, counts[row]);
        expect(kept).toEqual([...kept].sort((x, y) => x - y));
        for (const j of kept) mask[row * n + j]++;
      }
    }
    expect([...mask]).toEqual([...set.mask]);
    expect(a.kv_indices.shape).toEqual([2, set.heads / 2, n, n]);
    const isTail = set.length % set.side !== 0;
    expect(numbers(a.kv_num_blocks.data).some((c) => c > 0)).toBe(isTail);
  });

  test("the npz that PyTorch checked (golden/check_flex.py) is what the export writes", async () => {
    const arrays = flexArrays(set);
    for (const bytes of [
      readFileSync(new URL(`golden/${name}.flex.npz`, import.meta.url)),
      maskFile("flex-attention", set, name).bytes,
    ]) {
      const file = await openTensorFile(bytesSource(new Uint8Array(bytes), `${name}.npz`));
      expect(file.entries.map((e) => e.name).sort()).toEqual(Object.keys(arrays).sort());
      for (const [key, want] of Object.entries(arrays)) {
        const got = await file.read(key);
        expect(got.shape).toEqual(want.shape);
        expect(numbers(got.data)).toEqual(numbers(want.data));
      }
    }
  });

  test("FlashInfer rows give the mask back", () => {
    const { indptr, indices, head_offsets } = flashinferArrays(set);
    const [ptr, list, offsets] = [indptr, indices, head_offsets].map((a) => numbers(a.data));
    const mask = new Uint8Array(set.mask.length);
    for (let h = 0; h < set.heads; h++) {
      expect(ptr[h * (n + 1)]).toBe(0);
      expect(ptr[h * (n + 1) + n]).toBe(offsets[h + 1] - offsets[h]);
      for (let i = 0; i < n; i++) {
        for (let at = ptr[h * (n + 1) + i]; at < ptr[h * (n + 1) + i + 1]; at++)
          mask[(h * n + i) * n + list[offsets[h] + at]] = 1;
      }
    }
    expect([...mask]).toEqual([...set.mask]);
  });

  test.each([
    [128, 64],
    [128, 128],
    [32, 32],
  ])("re-blocked to %i x %i: a block is kept exactly when a kept token pair lies in it", (rows, keys) => {
    const got = reblock(set, rows, keys);
    const want = new Uint8Array(got.mask.length);
    for (let h = 0; h < set.heads; h++)
      for (let q = 0; q < set.length; q++)
        for (let k = 0; k < set.length; k++) {
          const kept = set.mask[(h * n + Math.floor(q / set.side)) * n + Math.floor(k / set.side)];
          if (kept) want[(h * got.rows + Math.floor(q / rows)) * got.keys + Math.floor(k / keys)] = 1;
        }
    expect([...got.mask]).toEqual([...want]);
  });

  test("SpargeAttn and Block-Sparse-Attention shapes are those of their libraries", () => {
    const rows = Math.ceil(set.length / 128);
    expect(spargeArrays(set).mask_id.shape).toEqual([2, set.heads / 2, rows, Math.ceil(set.length / 64)]);
    expect(bsaArrays(set).base_blockmask.shape).toEqual([2, set.heads / 2, rows, rows]);
    expect(numbers(bsaArrays(set).head_mask_type.data)).toEqual([1, 1]);
  });
});

test("a mask in tile order says so in its snippet", () => {
  const { snippet } = maskFile("sparge", { ...goldenSet("even"), order: "tile-4x4x4" }, "x");
  expect(snippet).toContain("tile-4x4x4 order: permute q, k and v first");
  expect(snippet).toContain('np.load("x.sparge.npz")');
});
