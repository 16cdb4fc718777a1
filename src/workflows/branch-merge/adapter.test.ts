// Adapters against PEFT's own merge of them, and those that are refused.
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type InputFolder, memoryFolder } from "../../formats/folder";
import { encodeSafetensors, openSafetensors } from "../../formats/safetensors";
import { bytesSource } from "../../formats/source";
import { toFloat32 } from "../../formats/tensor-data";
import { openAdapter, withAdapter } from "./engine/model/adapter";
import { openModel } from "./engine/model/open";

const url = (path: string): URL => new URL(`golden-lora/${path}`, import.meta.url);
const bytes = (path: string): Uint8Array => new Uint8Array(readFileSync(url(path)));
const folder = (path: string): InputFolder =>
  memoryFolder(
    path,
    Object.fromEntries(readdirSync(url(path)).map((name) => [name, bytes(`${path}/${name}`)])),
  );

test.each(["float32", "float32-rslora", "bfloat16", "bfloat16-rslora"])(
  "%s: weights with the adapter are PEFT's, in any chunks",
  async (name) => {
    const base = await openModel(folder(`${name}/base`));
    const model = withAdapter(base, await openAdapter(folder(`${name}/adapter`)));
    const merged = await openSafetensors(bytesSource(bytes(`${name}/merged.safetensors`)));
    let changed = 0;
    for (const { name: tensor, shape } of merged.entries) {
      const wanted = toFloat32(await merged.read(tensor));
      const size = shape.reduce((all, n) => all * n, 1);
      for (const step of [size, 37]) {
        for (let from = 0; from < size; from += step) {
          const to = Math.min(size, from + step);
          const found = toFloat32(await model.read(tensor, from, to));
          expect(found).toHaveLength(to - from);
          for (let i = from; i < to; i++) {
            const error = Math.abs(found[i - from] - wanted[i]);
            // f32: PEFT's sums are f32. bf16: one unit in the last place where a sum lies on a boundary.
            const most = name.startsWith("f") ? 1e-6 : 2 ** -7 * Math.abs(wanted[i]);
            expect(error, `${tensor} ${i}`).toBeLessThanOrEqual(most);
            if (step === size && error > 0) changed++;
          }
        }
      }
      const plain = toFloat32(await base.read(tensor, 0, size));
      expect(plain.some((value, i) => value !== wanted[i])).toBe(tensor !== "model.norm.weight");
    }
    if (name.startsWith("b")) expect(changed).toBeLessThan(20);
  },
);

const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const config = { peft_type: "LORA", r: 1, lora_alpha: 2 };
const factors = (a: number[], b: number[], target = "w"): Uint8Array =>
  encodeSafetensors(
    (
      [
        ["A", a],
        ["B", b],
      ] as const
    ).map(([part, shape]) => ({
      name: `base_model.model.${target}.lora_${part}.weight`,
      dtype: "F32",
      shape: [...shape],
      data: new Float32Array(shape[0] * shape[1]).fill(1),
    })),
  );

test.each([
  [
    { ...config, peft_type: "LOHA" },
    factors([1, 3], [2, 1]),
    "Adapters of type LORA can be added, this one is LOHA",
  ],
  [{ ...config, use_dora: true }, factors([1, 3], [2, 1]), "Adapters with use_dora are not known here"],
  [
    { ...config, rank_pattern: { w: 4 } },
    factors([1, 3], [2, 1]),
    "Adapters with a rank_pattern are not known here",
  ],
  [{ peft_type: "LORA" }, factors([1, 3], [2, 1]), "adapter_config.json gives no r and lora_alpha"],
  [config, factors([1, 3], [2, 2]), "The adapter's factors for w.weight do not fit each other"],
  [config, factors([1, 4], [2, 1]), "The adapter is made for a w.weight of [2, 4], the model has [2, 3]"],
  [config, factors([1, 3], [2, 1], "v"), "The adapter changes v.weight, which the model has not"],
])("%#: %s", async (json, file, words) => {
  const model = await openModel(
    memoryFolder("m", {
      "model.safetensors": encodeSafetensors([
        { name: "w.weight", dtype: "F32", shape: [2, 3], data: new Float32Array(6) },
      ]),
    }),
  );
  const adapter = memoryFolder("a", { "adapter_config.json": text(json), "adapter_model.safetensors": file });
  const add = async () => withAdapter(model, await openAdapter(adapter));
  await expect(add()).rejects.toMatchObject({ code: "adapter", message: expect.stringContaining(words) });
});
