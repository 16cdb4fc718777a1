// Our own engine in the training bench: gradients by the tape, steps by the trainer, as any workflow uses them.
import { Tape } from "../../../src/autograd/tape";
import type { Gpu } from "../../../src/gpu/gpu";
import { languageModelLoss } from "../../../src/nn/language-model";
import { linear } from "../../../src/nn/linear";
import { createGraph, messagePassing } from "../../../src/nn/message-passing";
import { createParameters, type ParameterSpecs } from "../../../src/nn/parameters";
import { createTrainer } from "../../../src/nn/trainer";
import { attention } from "../../../src/ops/attention";
import { sub } from "../../../src/ops/binary";
import { crossEntropy } from "../../../src/ops/cross-entropy";
import { scatterAdd } from "../../../src/ops/gather";
import { mean } from "../../../src/ops/reduce";
import { square } from "../../../src/ops/unary";
import { scoped } from "../../../src/tensor/scope";
import { type Tensor, upload } from "../../../src/tensor/tensor";
import type { BenchCase, Prepared, TrainingOp } from "./contestant";
import {
  graphEdges,
  graphSizes,
  graphSpecs,
  LANGUAGE_ROWS,
  languageSizes,
  languageSpecs,
  mlpSizes,
  mlpSpecs,
  training,
} from "./training-models";

const index = (gpu: Gpu, values: Float32Array, shape: number[]): Tensor =>
  upload(gpu, Uint32Array.from(values), shape, "u32");

export function prepareTraining(gpu: Gpu, item: BenchCase<TrainingOp>): Prepared {
  switch (item.op) {
    case "attention-gradient":
      return gradientOfAttention(gpu, item);
    case "scatter-add":
      return scatter(gpu, item);
    case "mlp-step": {
      const { batch, width } = mlpSizes;
      return step(gpu, { ...item, op: item.op }, mlpSpecs, (p) => {
        const x = upload(gpu, item.inputs[0], [batch, width]);
        const labels = index(gpu, item.inputs[1], [batch]);
        return () => mean(crossEntropy(linear(p, "out", linear(p, "in", x, { activation: "relu" })), labels));
      });
    }
    case "graph-step":
      return step(gpu, { ...item, op: item.op }, graphSpecs, (p) => {
        const { nodes, features, rounds, outputs } = graphSizes;
        const x = upload(gpu, item.inputs[0], [nodes, features]);
        const y = upload(gpu, item.inputs[1], [nodes, outputs]);
        const { senders, receivers } = graphEdges();
        const graph = createGraph(gpu, nodes, senders, receivers);
        return () => {
          let h = linear(p, "encode", x);
          for (let i = 0; i < rounds; i++) h = messagePassing(p, `rounds.${i}`, graph, h);
          return mean(square(sub(linear(p, "decode", h), y)));
        };
      });
    case "transformer-step":
      return step(gpu, { ...item, op: item.op }, languageSpecs, (p) => {
        const [words, next] = item.inputs
          .slice(0, 2)
          .map((values) => index(gpu, values, [LANGUAGE_ROWS, languageSizes.tokens]));
        return () => languageModelLoss(p, languageSizes, words, next);
      });
  }
}

function gradientOfAttention(gpu: Gpu, item: BenchCase<TrainingOp>): Prepared {
  const [q, k, v, w] = item.inputs.map((values) => upload(gpu, values, item.dims));
  const sweep = (): Tensor[] => {
    const tape = new Tape(gpu);
    const o = tape.run(() => attention(q, k, v).o, [q, k, v]);
    return tape.pull(o, w.reshape(w.shape), [q, k, v]);
  };
  return {
    run: () => finished(gpu, sweep),
    result: () => scoped(gpu, async () => joined(await Promise.all(sweep().map((t) => t.readFloats())))),
    dispose() {},
  };
}

function scatter(gpu: Gpu, item: BenchCase<TrainingOp>): Prepared {
  const [count, width, rows] = item.dims;
  const values = upload(gpu, item.inputs[0], [count, width]);
  const target = index(gpu, item.inputs[1], [count]);
  const apply = (): Tensor => scatterAdd(values, target, rows);
  return {
    run: () => finished(gpu, apply),
    result: () => scoped(gpu, () => apply().readFloats()),
    dispose() {},
  };
}

/** `model` makes the batch once and gives the loss. */
function step(
  gpu: Gpu,
  item: BenchCase<TrainingOp> & { op: keyof typeof training.decay },
  specs: ParameterSpecs,
  model: (p: ReturnType<typeof createParameters>) => () => Tensor,
): Prepared {
  const values = new Map(
    Object.entries(specs).map(([name, { shape }], i) => [name, { shape, data: item.inputs[2 + i] }]),
  );
  const parameters = createParameters(gpu, specs, { values });
  const { rate, beta1, beta2, epsilon, decay } = training;
  const trainer = createTrainer({
    parameters,
    loss: model(parameters),
    schedule: { kind: "constant", steps: 1, peak: rate },
    beta1,
    beta2,
    epsilon,
    weightDecay: decay[item.op],
  });
  return {
    async run() {
      await trainer.step();
      await gpu.queue.finish();
    },
    async result() {
      await trainer.step();
      return new Float32Array([(await trainer.metrics()).at(-1)!.loss]);
    },
    dispose: () => trainer.dispose(),
  };
}

const finished = (gpu: Gpu, work: () => unknown): Promise<void> =>
  scoped(gpu, async () => {
    work();
    await gpu.queue.finish();
  });

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
