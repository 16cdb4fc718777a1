// jax-js in the training bench: one jitted function for a gradient, one for a whole step with its AdamW update.
import { grad, jit, nn, numpy as np, tree, valueAndGrad, vjp } from "@jax-js/jax";
import type { BenchCase, Prepared, TrainingOp } from "../page/contestant";
import { headFirst, lengthFirst } from "../page/layout";
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
} from "../page/training-models";

type Jax = np.Array;
type Tree = Record<string, Jax>;
type Step = BenchCase<TrainingOp> & { op: keyof typeof training.decay };

export function prepareTraining(item: BenchCase<TrainingOp>): Prepared {
  switch (item.op) {
    case "attention-gradient":
      return gradientOfAttention(item);
    case "scatter-add":
      return scatter(item);
    case "mlp-step":
      return step({ ...item, op: item.op }, mlpSpecs, [mlpSizes.batch, mlpSizes.width], mlpLoss);
    case "graph-step":
      return step({ ...item, op: item.op }, graphSpecs, [graphSizes.nodes, graphSizes.features], graphLoss());
    case "transformer-step":
      return step({ ...item, op: item.op }, languageSpecs, null, languageLoss);
  }
}

function gradientOfAttention(item: BenchCase<TrainingOp>): Prepared {
  const [heads, length, width] = item.dims;
  const operands = item.inputs.map((v) =>
    np.array(lengthFirst(v, item.dims)).reshape([length, heads, width]),
  );
  const weighted = (q: Jax, k: Jax, v: Jax, w: Jax): Jax => np.sum(nn.dotProductAttention(q, k, v).mul(w));
  const gradient = jit(grad(weighted, { argnums: [0, 1, 2] }) as (...x: Jax[]) => Jax[]);
  const compute = (): Jax[] => gradient(...operands.map((x) => x.ref)) as Jax[];
  return {
    async run() {
      for (const x of compute()) (await x.blockUntilReady()).dispose();
    },
    async result() {
      const all = new Float32Array(3 * item.inputs[0].length);
      for (const [i, x] of compute().entries())
        all.set(headFirst((await x.data()) as Float32Array, item.dims), i * item.inputs[0].length);
      return all;
    },
    dispose() {
      for (const x of operands) x.dispose();
    },
  };
}

/** It has no scatter of its own: the transpose of a gather is how one is had. */
function scatter(item: BenchCase<TrainingOp>): Prepared {
  const [count, width, rows] = item.dims;
  const values = np.array(item.inputs[0]).reshape([count, width]);
  const index = np.array(Int32Array.from(item.inputs[1]));
  const apply = jit((x: Jax, target: Jax) => {
    const [, back] = vjp((table: Jax) => np.take(table, target, 0), [np.zeros([rows, width])]);
    return (back as unknown as (dy: Jax) => [Jax])(x)[0];
  });
  const compute = (): Promise<Jax> => (apply(values.ref, index.ref) as Jax).blockUntilReady();
  return {
    run: async () => (await compute()).dispose(),
    result: async () => (await (await compute()).data()) as Float32Array,
    dispose() {
      values.dispose();
      index.dispose();
    },
  };
}

const linear = (p: Tree, name: string, x: Jax): Jax => {
  const y = np.matmul(x, p[`${name}.weight`].transpose());
  return p[`${name}.bias`] ? y.add(p[`${name}.bias`]) : y;
};
const layerNorm = (p: Tree, name: string, x: Jax): Jax =>
  nn.standardize(x).mul(p[`${name}.weight`]).add(p[`${name}.bias`]);
const crossEntropy = (logits: Jax, classes: Jax, count: number): Jax =>
  np.mean(np.sum(nn.logSoftmax(logits).mul(nn.oneHot(classes, count)), -1)).neg();

function mlpLoss(p: Tree, x: Jax, labels: Jax): Jax {
  return crossEntropy(linear(p, "out", nn.relu(linear(p, "in", x))), labels, mlpSizes.classes);
}

function languageLoss(p: Tree, words: Jax, next: Jax): Jax {
  const { width, heads, layers, tokens, vocabulary } = languageSizes;
  const split = [LANGUAGE_ROWS, tokens, heads, width / heads];
  let x = np.matmul(nn.oneHot(words, vocabulary), p["tok.weight"]).reshape([LANGUAGE_ROWS, tokens, width]);
  x = x.add(p["pos.weight"]);
  for (let layer = 0; layer < layers; layer++) {
    const n = `blocks.${layer}`;
    const qkv = linear(p, `${n}.attn.qkv`, layerNorm(p, `${n}.norm1`, x.ref));
    const [q, k, v] = np.split(qkv, 3, -1).map((part) => part.reshape(split));
    const mixed = nn.dotProductAttention(q, k, v, { isCausal: true }).reshape([LANGUAGE_ROWS, tokens, width]);
    x = x.add(linear(p, `${n}.attn.proj`, mixed));
    const hidden = linear(p, `${n}.mlp.in`, layerNorm(p, `${n}.norm2`, x.ref));
    x = x.add(linear(p, `${n}.mlp.out`, nn.gelu(hidden, { approximate: false })));
  }
  const logits = linear(p, "head", layerNorm(p, "norm", x));
  return crossEntropy(logits.reshape([LANGUAGE_ROWS * tokens, vocabulary]), next, vocabulary);
}

/** First layer by node and gathered by edge, as ours; sums over edges are the transpose of a gather. */
function graphLoss(): (p: Tree, x: Jax, y: Jax) => Jax {
  const { nodes, width, rounds, outputs } = graphSizes;
  const ends = graphEdges();
  const [senders, receivers] = [ends.senders, ends.receivers].map((values) => np.array(values));
  const sums = (messages: Jax): Jax => {
    const [, back] = vjp((table: Jax) => np.take(table, receivers.ref, 0), [np.zeros([nodes, width])]);
    return (back as unknown as (dy: Jax) => [Jax])(messages)[0];
  };
  return (p, x, y) => {
    let h = linear(p, "encode", x);
    for (let i = 0; i < rounds; i++) {
      const n = `rounds.${i}`;
      const [from, to] = np.split(linear(p, `${n}.edge.nodes`, h.ref), 2, -1);
      const first = np
        .take(from, senders.ref, 0)
        .add(np.take(to, receivers.ref, 0))
        .add(p[`${n}.edge.bias`]);
      const total = sums(linear(p, `${n}.edge.out`, nn.silu(first)));
      const hidden = nn.silu(linear(p, `${n}.node.in`, np.concatenate([h.ref, total], 1)));
      h = h.add(linear(p, `${n}.node.out`, hidden));
    }
    return np.mean(np.square(linear(p, "decode", h).sub(y.reshape([nodes, outputs]))));
  };
}

function step(
  item: Step,
  specs: typeof mlpSpecs,
  shapeOfX: number[] | null,
  loss: (p: Tree, x: Jax, y: Jax) => Jax,
): Prepared {
  const names = Object.keys(specs);
  const tensors = (values: (i: number) => Jax): Tree =>
    Object.fromEntries(names.map((name, i) => [name, values(i).reshape([...specs[name].shape])]));
  const { rate, beta1, beta2, epsilon } = training;
  const x = shapeOfX ? np.array(item.inputs[0]).reshape(shapeOfX) : np.array(Int32Array.from(item.inputs[0]));
  const y = np.array(item.op === "graph-step" ? item.inputs[1] : Int32Array.from(item.inputs[1]));
  let p = tensors((i) => np.array(item.inputs[2 + i]));
  let m = tensors((i) => np.zeros([item.inputs[2 + i].length]));
  let v = tensors((i) => np.zeros([item.inputs[2 + i].length]));
  let count = 0;
  const update = jit((p0: Tree, m0: Tree, v0: Tree, c1: Jax, c2: Jax, a: Jax, b: Jax) => {
    const [value, g] = valueAndGrad(loss)(tree.ref(p0), a, b) as unknown as [Jax, Tree];
    const [p1, m1, v1]: Tree[] = [{}, {}, {}];
    for (const name of names) {
      m1[name] = m0[name].mul(beta1).add(g[name].ref.mul(1 - beta1));
      v1[name] = v0[name].mul(beta2).add(np.square(g[name]).mul(1 - beta2));
      const root = np.sqrt(v1[name].ref.mul(c2.ref)).add(epsilon);
      const kept = specs[name].decay === false ? 1 : 1 - rate * training.decay[item.op];
      p1[name] = p0[name].mul(kept).sub(m1[name].ref.mul(c1.ref).div(root).mul(rate));
    }
    c1.dispose();
    c2.dispose();
    return { value, p1, m1, v1 };
  });
  const once = (): Jax => {
    count++;
    const [c1, c2] = [1 / (1 - beta1 ** count), 1 / (1 - beta2 ** count)].map((c) => np.array(c));
    const next = update(p, m, v, c1, c2, x.ref, y.ref) as unknown as Record<"p1" | "m1" | "v1", Tree> & {
      value: Jax;
    };
    [p, m, v] = [next.p1, next.m1, next.v1];
    return next.value;
  };
  return {
    run: async () => (await once().blockUntilReady()).dispose(),
    result: async () => Float32Array.from((await once().data()) as Float32Array),
    dispose() {
      for (const part of [p, m, v]) tree.dispose(part);
      x.dispose();
      y.dispose();
    },
  };
}
