// The cases of the benches of single kernels and of training, with seeded data.
import { Random } from "../../../src/base/random";
import type { BenchCase } from "./contestant";
import {
  graphSizes,
  graphSpecs,
  initialParameters,
  languageBatch,
  languageSpecs,
  mlpSizes,
  mlpSpecs,
} from "./training-models";

const data = (stream: number, length: number): Float32Array => new Random(7, stream).normals(length);

const matmul = (n: number): BenchCase => ({
  row: "matmul",
  case: `${n}x${n}x${n} f32`,
  op: "matmul",
  dims: [n, n, n],
  inputs: [data(1, n * n), data(2, n * n)],
  operations: 2 * n ** 3,
});
const rows = (op: "layernorm" | "softmax", count: number, n: number, perValue: number): BenchCase => ({
  row: op,
  case: `${count}x${n} f32`,
  op,
  dims: [count, n],
  inputs: op === "layernorm" ? [data(3, count * n), data(4, n), data(5, n)] : [data(3, count * n)],
  operations: count * n * perValue,
});
const attention = (length: number): BenchCase => ({
  row: "attention",
  case: `H=4 L=${length} D=64 f32`,
  op: "attention",
  dims: [4, length, 64],
  inputs: [1, 2, 3].map((stream) => data(stream, 4 * length * 64)),
  operations: 4 * 4 * length * length * 64,
});
/** Inputs and result with the channels last; contestants that have them second move them before timing starts. */
const conv = (side: number, channels: number, out: number): BenchCase => ({
  row: "conv",
  case: `1x${channels}x${side}x${side} 3x3 to ${out} f32`,
  op: "conv",
  dims: [side, channels, out],
  inputs: [data(1, side * side * channels), data(2, out * 9 * channels)],
  operations: 2 * 9 * side * side * channels * out,
});

const attentionGradient = (length: number): BenchCase => ({
  row: "attention forward + backward",
  case: `H=4 L=${length} D=64 f32`,
  op: "attention-gradient",
  dims: [4, length, 64],
  inputs: [1, 2, 3, 4].map((stream) => data(stream, 4 * length * 64)),
  operations: 14 * 4 * length * length * 64,
});
function scatterAdd(count: number, width: number, targets: number): BenchCase {
  const random = new Random(7, 6);
  return {
    row: "scatter-add",
    case: `${count} rows of ${width} into ${targets} f32`,
    op: "scatter-add",
    dims: [count, width, targets],
    inputs: [data(1, count * width), Float32Array.from({ length: count }, () => random.below(targets))],
    operations: count * width,
  };
}
function mlpStep(): BenchCase {
  const { batch, width, hidden, classes } = mlpSizes;
  const random = new Random(7, 7);
  const labels = Float32Array.from({ length: batch }, () => random.below(classes));
  return {
    row: "Adam step of an MLP",
    case: `${width}-${hidden}-${classes}, batch ${batch}, f32`,
    op: "mlp-step",
    dims: [],
    inputs: [data(1, batch * width), labels, ...initialParameters(mlpSpecs)],
    operations: 6 * batch * (width * hidden + hidden * classes),
  };
}
function transformerStep(): BenchCase {
  const { sizes, batch, words, next } = languageBatch();
  const { width, layers, tokens, vocabulary } = sizes;
  const perToken = layers * (24 * width ** 2 + 4 * tokens * width) + 2 * width * vocabulary;
  return {
    row: "transformer step",
    case: `${layers} layers, d ${width}, ${sizes.heads} heads, ${tokens} tokens, batch ${batch}, AdamW, f32`,
    op: "transformer-step",
    dims: [],
    inputs: [words, next, ...initialParameters(languageSpecs)],
    operations: 3 * batch * tokens * perToken,
  };
}

function graphStep(): BenchCase {
  const { nodes, edges, features, width, rounds, outputs } = graphSizes;
  const perNode = features * width + rounds * (2 + 2 + 1) * width ** 2 + width * outputs;
  return {
    row: "graph network step",
    case: `${nodes} nodes, ${edges} edges, width ${width}, ${rounds} rounds, Adam, f32`,
    op: "graph-step",
    dims: [],
    inputs: [data(10, nodes * features), data(11, nodes * outputs), ...initialParameters(graphSpecs)],
    operations: 6 * (nodes * perNode + edges * rounds * width ** 2),
  };
}

type Maker = () => BenchCase;
const SUITES: Readonly<Record<string, readonly Maker[]>> = {
  kernels: [
    () => matmul(512),
    () => matmul(1024),
    () => rows("layernorm", 1024, 768, 8),
    () => rows("softmax", 1024, 1024, 5),
    () => attention(1024),
    () => attention(2048),
    () => conv(64, 32, 32),
    () => conv(56, 64, 64),
  ],
  training: [
    () => matmul(512),
    () => rows("layernorm", 1024, 768, 8),
    () => rows("softmax", 1024, 1024, 5),
    () => conv(56, 64, 64),
    () => attentionGradient(1024),
    () => scatterAdd(13_000, 128, 1271),
    mlpStep,
    transformerStep,
    graphStep,
  ],
};

/** Suites that are not a workflow's. */
export const caseSuites: readonly string[] = Object.keys(SUITES);

/** Cases of a suite; `only` keeps those whose row or case contains the text. */
export const casesOf = (suite: string, only = ""): BenchCase[] =>
  SUITES[suite].map((make) => make()).filter((c) => `${c.row} ${c.case}`.includes(only));
