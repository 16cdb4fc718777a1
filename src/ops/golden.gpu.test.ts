// Layer norm, RMS norm and cross-entropy against PyTorch in float64: the references of the op records are our own.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { Tape } from "../autograd/tape";
import { openNodeGpu } from "../cli/node-gpu";
import { openGpu } from "../gpu/gpu";
import { scoped } from "../tensor/scope";
import { type Tensor, upload } from "../tensor/tensor";
import { mul } from "./binary";
import { crossEntropy } from "./cross-entropy";
import { layerNorm } from "./layer-norm";
import { mean, sum } from "./reduce";
import { rmsNorm } from "./rms-norm";

interface Values {
  shape: number[];
  data: number[];
}
interface Case {
  inputs: Record<string, Values>;
  out: Values;
  loss: number;
  /** Sum of the absolute terms of the loss. */
  loss_scale: number;
  gradients: Record<string, Values>;
}
interface Golden {
  layerNorm: Case & { weights: Values; eps: number };
  rmsNorm: Case & { weights: Values; eps: number };
  crossEntropy: Case & { targets: number[] };
}

const gpu = await openGpu((await openNodeGpu()).gpu);
afterAll(() => {
  expect(gpu.strayErrors).toEqual([]);
  gpu.close();
});

const file = (name: string): string => readFileSync(new URL(`./golden/${name}`, import.meta.url), "utf8");
const text = file("norms.json");
const golden: Golden = JSON.parse(text);

/** f32 with sums of at most 105 products: 1e-6 of the largest entry is 17 units in its last place. */
const RELATIVE = 1e-6;

function expectClose(
  got: ArrayLike<number>,
  wanted: readonly number[],
  scale = wanted.reduce((top, v) => Math.max(top, Math.abs(v)), 0),
): void {
  expect(got.length).toBe(wanted.length);
  for (const [i, v] of wanted.entries()) expect(Math.abs(got[i] - v)).toBeLessThanOrEqual(RELATIVE * scale);
}

/** Runs `forward` under a tape and compares its result, the loss and the gradients of all inputs. */
function agrees(
  item: Case,
  forward: (inputs: Readonly<Record<string, Tensor>>) => { out: Tensor; loss: Tensor },
): Promise<void> {
  return scoped(gpu, async () => {
    const names = Object.keys(item.inputs);
    const tensors = names.map((name) => upload(gpu, item.inputs[name].data, item.inputs[name].shape));
    const inputs = Object.fromEntries(names.map((name, i) => [name, tensors[i]]));
    const tape = new Tape(gpu);
    const { out, loss } = tape.run(() => forward(inputs), tensors);
    const gradients = tape.backward(loss, tensors);
    expect(out.shape).toEqual(item.out.shape);
    expectClose(await out.readFloats(), item.out.data);
    expectClose(await loss.readFloats(), [item.loss], item.loss_scale);
    for (const [i, name] of names.entries()) {
      expect(gradients[i].shape).toEqual(item.gradients[name].shape);
      expectClose(await gradients[i].readFloats(), item.gradients[name].data);
    }
  });
}

test("the file is the one that the manifest describes", () => {
  const manifest = JSON.parse(file("manifest.json"));
  expect(createHash("sha256").update(text).digest("hex")).toBe(manifest.sha256["norms.json"]);
});

test("layer norm and its three gradients", () => {
  const { weights, eps } = golden.layerNorm;
  return agrees(golden.layerNorm, ({ x, gamma, beta }) => {
    const out = layerNorm(x, gamma, beta, eps);
    return { out, loss: sum(mul(out, upload(gpu, weights.data, weights.shape))) };
  });
});

test("RMS norm and its two gradients", () => {
  const { weights, eps } = golden.rmsNorm;
  return agrees(golden.rmsNorm, ({ x, gamma }) => {
    const out = rmsNorm(x, gamma, eps);
    return { out, loss: sum(mul(out, upload(gpu, weights.data, weights.shape))) };
  });
});

test("cross-entropy with an ignored row, its mean and its gradient", () => {
  const { targets } = golden.crossEntropy;
  return agrees(golden.crossEntropy, ({ logits }) => {
    const out = crossEntropy(logits, upload(gpu, targets, [targets.length], "u32"));
    return { out, loss: mean(out) };
  });
});
