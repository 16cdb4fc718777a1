// Training on the device against PyTorch: twenty steps of AdamW and of Muon on a transformer, twenty of AdamW on a graph
// network and on a convolutional one, and the gradients of a block with every option. What the golden files hold, and how, says golden/make.py.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { Tape } from "../autograd/tape";
import { Random } from "../base/random";
import { openNodeGpu } from "../cli/node-gpu";
import { openGpu } from "../gpu/gpu";
import { add, sub } from "../ops/binary";
import { crossEntropy } from "../ops/cross-entropy";
import { mean } from "../ops/reduce";
import { silu, square } from "../ops/unary";
import { scoped } from "../tensor/scope";
import { type Shape, sizeOf } from "../tensor/shape";
import { type Tensor, upload } from "../tensor/tensor";
import { rotation, selfAttention } from "./attention";
import { conv2d, conv2dSpecs, convTranspose2d, convTranspose2dSpecs, upsample2d } from "./convolution";
import { languageModelLoss, languageModelSpecs } from "./language-model";
import { linear, linearSpecs } from "./linear";
import { createGraph, messagePassing, messagePassingSpecs } from "./message-passing";
import { gatedMlp } from "./mlp";
import { gate, modulate, modulation } from "./modulation";
import { layerNorm, layerNormSpecs, rmsNorm } from "./norm";
import { createParameters, type ParameterSpecs, readParameters } from "./parameters";
import { patchCounts, patchEmbedding } from "./patches";
import { createTrainer, type TrainerOptions } from "./trainer";

type Summary = Record<string, { norm: number; values: number[] }>;
interface Run {
  losses: number[];
  float64_distance: number;
  weights: Summary;
}

const SEED = 20260401;
const folder = new URL("./golden/", import.meta.url);
const manifest: { sha256: Record<string, string> } = JSON.parse(
  readFileSync(new URL("manifest.json", folder), "utf8"),
);

function load<G>(name: string): G {
  const text = readFileSync(new URL(name, folder), "utf8");
  expect(createHash("sha256").update(text).digest("hex")).toBe(manifest.sha256[name]);
  return JSON.parse(text);
}

const gpu = await openGpu((await openNodeGpu()).gpu);
afterAll(() => {
  expect(gpu.strayErrors).toEqual([]);
  expect(gpu.pool.stats().liveBuffers).toBe(0);
  expect(gpu.pool.stats().pinnedBytes).toBe(0);
  gpu.close();
});

const write = (tensor: Tensor, values: Float32Array | Uint32Array): void => {
  const data = new Uint8Array(values.buffer);
  gpu.queue.record({ kind: "write", target: tensor.allocation, offset: 0, data });
};

function expectSummary(
  found: Iterable<[string, { data: ArrayLike<number> }]>,
  wanted: Summary,
  relative: number,
): void {
  const all = [...found];
  expect(all.map(([name]) => name).sort()).toEqual(Object.keys(wanted).sort());
  for (const [name, { data }] of all) {
    const flat = Array.from(data);
    const top = Math.max(...flat.map(Math.abs));
    const norm = Math.hypot(...flat);
    expect(Math.abs(norm - wanted[name].norm) / wanted[name].norm, `norm of ${name}`).toBeLessThan(relative);
    for (const [k, value] of wanted[name].values.entries()) {
      const at = Math.floor((k * (flat.length - 1)) / 5);
      expect(Math.abs(flat[at] - value) / top, `${name}, element ${at}`).toBeLessThan(relative);
    }
  }
}

/** Dispatches that `body` records; a recording may cut long ones into slices, this counts each once. */
async function dispatchesOf(body: () => Promise<void>): Promise<number> {
  const { queue } = gpu;
  const record = queue.record;
  let count = 0;
  queue.record = (item) => {
    if (item.kind === "dispatch") count++;
    record.call(queue, item);
  };
  try {
    await body();
  } finally {
    queue.record = record;
  }
  return count;
}

/**
 * Twenty steps from the golden's weights: each loss within 1e-4, weights at the end within 1e-3 of their largest. Resolves
 * to the dispatches of a step.
 */
async function expectRun(
  golden: Run,
  specs: ParameterSpecs,
  options: Omit<TrainerOptions, "parameters" | "loss">,
  model: (parameters: ReturnType<typeof createParameters>) => { loss(): Tensor; batch(step: number): void },
): Promise<number> {
  return scoped(gpu, async () => {
    const parameters = createParameters(gpu, specs, { seed: SEED });
    const { loss, batch } = model(parameters);
    const trainer = createTrainer({ parameters, loss, ...options });
    const step = (): Promise<void> => trainer.step({ batch: () => batch(trainer.steps) });
    const dispatches = await dispatchesOf(step);
    while (trainer.steps < 20) await step();
    const losses = (await trainer.metrics()).map((m) => m.loss);
    for (const [i, value] of golden.losses.entries())
      expect(Math.abs(losses[i] / value - 1), `loss of step ${i}`).toBeLessThan(1e-4);
    expectSummary(await readParameters(parameters), golden.weights, 1e-3);
    expect(trainer.cost!.dispatches).toBeGreaterThanOrEqual(dispatches);
    trainer.dispose();
    return dispatches;
  });
}

const SIZES = { vocabulary: 64, tokens: 256, width: 128, heads: 4, layers: 4 };
const BATCH = 4;

/** Rows that count up by a stride from a start, both drawn. */
function languageTask(parameters: ReturnType<typeof createParameters>) {
  const words = upload(gpu, new Uint32Array(BATCH * SIZES.tokens), [BATCH, SIZES.tokens], "u32");
  const next = upload(gpu, new Uint32Array(BATCH * SIZES.tokens), [BATCH, SIZES.tokens], "u32");
  return {
    loss: () => languageModelLoss(parameters, SIZES, words, next),
    batch(step: number) {
      const random = new Random(SEED + 1, step);
      const [x, y] = [new Uint32Array(words.size), new Uint32Array(next.size)];
      for (let b = 0; b < BATCH; b++) {
        const [start, stride] = [random.below(SIZES.vocabulary), 1 + random.below(7)];
        for (let i = 0; i < SIZES.tokens; i++) {
          x[b * SIZES.tokens + i] = (start + stride * i) % SIZES.vocabulary;
          y[b * SIZES.tokens + i] = (start + stride * (i + 1)) % SIZES.vocabulary;
        }
      }
      write(words, x);
      write(next, y);
    },
  };
}

// An epsilon of 1e-6: the gradient of a key's bias is zero but for rounding, which 1e-8 would turn into steps.
const adamw = (peak: number): Omit<TrainerOptions, "parameters" | "loss"> => ({
  schedule: { kind: "constant", steps: 20, peak },
  weightDecay: 0.1,
  epsilon: 1e-6,
});

const LONG = 600_000; // twenty steps of half a TFLOP each, and a tuner that starts from nothing

test(
  "twenty AdamW steps of a transformer are PyTorch's",
  async () => {
    const golden = load<{ adamw: Run }>("transformer.json").adamw;
    const dispatches = await expectRun(golden, languageModelSpecs(SIZES), adamw(0.001), languageTask);
    process.stdout.write(`transformer step: ${dispatches} dispatches\n`);
  },
  LONG,
);

test(
  "twenty Muon steps of a transformer are PyTorch's",
  async () => {
    const golden = load<{ muon: Run }>("transformer.json").muon;
    const options = { ...adamw(0.02), optimiser: "muon", muon: { adamwRate: 0.05 } } as const;
    const dispatches = await expectRun(golden, languageModelSpecs(SIZES), options, languageTask);
    process.stdout.write(`transformer step with Muon: ${dispatches} dispatches\n`);
  },
  LONG,
);

test("twenty AdamW steps of a graph network are PyTorch's, which takes the first edge layer edge by edge", async () => {
  const [nodes, edges, features, edgeFeatures, hidden, width] = [40, 170, 6, 3, 16, 12];
  const golden = load<Run>("graph.json");
  const specs = {
    ...linearSpecs("encode", features, width),
    ...messagePassingSpecs("rounds.0", { width, edgeWidth: edgeFeatures, hidden }),
    ...messagePassingSpecs("rounds.1", { width, edgeWidth: edgeFeatures, hidden }),
    ...linearSpecs("decode", width, 2),
  };
  const dispatches = await expectRun(golden, specs, adamw(0.003), (parameters) => {
    const ends = new Random(SEED + 2);
    const pairs = Array.from({ length: edges }, () => [ends.below(nodes), ends.below(nodes)]);
    const graph = createGraph(
      gpu,
      nodes,
      pairs.map(([s]) => s),
      pairs.map(([, r]) => r),
    );
    const given = new Random(SEED + 2, 1).normals(edges * edgeFeatures);
    const sorted = [...graph.permutation].flatMap((e) => [
      ...given.subarray(e * edgeFeatures, (e + 1) * edgeFeatures),
    ]);
    const edge = upload(gpu, sorted, [edges, edgeFeatures]);
    const x = upload(gpu, new Float32Array(nodes * features), [nodes, features]);
    const y = upload(gpu, new Float32Array(nodes * 2), [nodes, 2]);
    return {
      loss() {
        let h = linear(parameters, "encode", x);
        for (const round of ["rounds.0", "rounds.1"])
          h = messagePassing(parameters, round, graph, h, { edge });
        return mean(square(sub(linear(parameters, "decode", h), y)));
      },
      batch(step) {
        const random = new Random(SEED + 3, step);
        write(x, random.normals(x.size));
        write(y, random.normals(y.size));
      },
    };
  });
  process.stdout.write(`graph network step: ${dispatches} dispatches\n`);
});

test("twenty AdamW steps of a convolutional network are PyTorch's: strided, transposed, resized", async () => {
  const [pictures, side, classes] = [4, 12, 5];
  const specs = {
    ...conv2dSpecs("first", 3, 8),
    ...conv2dSpecs("down", 8, 10),
    ...layerNormSpecs("norm", 10),
    ...convTranspose2dSpecs("up", 10, 8, { kernel: 4 }),
    ...conv2dSpecs("resized", 10, 8),
    ...linearSpecs("head", 8, classes),
  };
  const dispatches = await expectRun(load<Run>("convolution.json"), specs, adamw(0.003), (p) => {
    const patterns = new Random(SEED + 6).normals(classes * side * side * 3);
    const x = upload(gpu, new Float32Array(pictures * side * side * 3), [pictures, side, side, 3]);
    const y = upload(gpu, new Uint32Array(pictures), [pictures], "u32");
    return {
      loss() {
        const fine = conv2d(p, "first", x, { padding: 1, activation: "silu" });
        const coarse = silu(layerNorm(p, "norm", conv2d(p, "down", fine, { stride: 2, padding: 1 })));
        const up = convTranspose2d(p, "up", coarse, { stride: 2, padding: 1 });
        const sum = conv2d(p, "resized", upsample2d(coarse), { padding: 1, residual: add(up, fine) });
        const features = mean(silu(sum), { axes: [1, 2] });
        return mean(crossEntropy(linear(p, "head", features), y));
      },
      batch(step) {
        const random = new Random(SEED + 7, step);
        const drawn = Uint32Array.from({ length: pictures }, () => random.below(classes));
        const size = x.size / pictures;
        const noisy = random
          .normals(x.size)
          .map((v, i) => v + patterns[drawn[Math.floor(i / size)] * size + (i % size)]);
        write(x, noisy);
        write(y, drawn);
      },
    };
  });
  process.stdout.write(`convolutional step: ${dispatches} dispatches\n`);
});

test("a block with adaLN, grouped heads, QK-norm, 3-D rotary positions and SwiGLU has PyTorch's gradients", () =>
  scoped(gpu, async () => {
    const golden = load<{ loss: number; gradients: Summary }>("block.json");
    const [clip, patch, width, heads, kvHeads] = [[2, 4, 6], [1, 2, 2], 32, 4, 2];
    const head = width / heads;
    const normal = (shape: Shape, std: number) => ({ shape, init: { kind: "normal", std } }) as const;
    const dense = (name: string, from: number, to: number, std: number) => ({
      [`${name}.weight`]: normal([to, from], std),
      [`${name}.bias`]: normal([to], 0.1),
    });
    const specs: ParameterSpecs = {
      "patch.weight": normal([width, 3, ...patch], 0.3),
      "patch.bias": normal([width], 0.3),
      ...dense("modulation", width, 6 * width, 0.1),
      "norm.weight": normal([width], 1),
      ...dense("attn.qkv", width, (heads + 2 * kvHeads) * head, 0.2),
      "attn.q_norm.weight": normal([head], 1),
      "attn.k_norm.weight": normal([head], 1),
      ...dense("attn.proj", width, width, 0.2),
      ...dense("mlp.in", width, 40, 0.2),
      ...dense("mlp.out", 20, width, 0.2),
    };
    const p = createParameters(gpu, specs, { seed: SEED + 5 });
    const random = new Random(SEED + 4);
    const draw = (shape: number[]): Tensor => upload(gpu, random.normals(sizeOf(shape)), shape);
    const [video, condition] = [draw([2, 3, ...clip]), draw([2, width])];
    const counts = patchCounts(clip, patch);
    const places = Array.from({ length: sizeOf(counts) }, (_, i) => [
      Math.floor(i / (counts[1] * counts[2])),
      Math.floor(i / counts[2]) % counts[1],
      i % counts[2],
    ]).flat();
    const rotary = rotation(gpu, places, [2, 1, 1], { theta: 100 });
    const tape = new Tape(gpu);
    const loss = tape.run(() => {
      const x = patchEmbedding(p, "patch", video);
      const m = modulation(p, "modulation", condition, 6);
      const h = modulate(rmsNorm(p, "norm", x), m, { shift: 0, scale: 1 });
      const o = selfAttention(p, "attn", h, { heads, kvHeads, qkNorm: true, rotary });
      const y = gate(o, m, 2, x);
      const g = modulate(rmsNorm(p, "norm", y), m, { shift: 3, scale: 4 });
      return mean(square(gate(gatedMlp(p, "mlp", g), m, 5, y)));
    }, p.tensors);
    const gradients = tape.backward(loss, p.tensors);
    expect(Math.abs((await loss.readFloats())[0] / golden.loss - 1)).toBeLessThan(1e-5);
    const found: [string, { data: Float32Array }][] = [];
    for (const [i, { name }] of p.places.entries())
      found.push([name, { data: await gradients[i].readFloats() }]);
    // A chain of some twenty f32 ops: well within a hundred ULP of the largest entry.
    expectSummary(found, golden.gradients, 2e-5);
  }));
