// The three models whose training steps are timed: sizes, parameters and one batch, the same for every contestant.
import { Random } from "../../../src/base/random";
import { initialValues } from "../../../src/nn/init";
import { languageModelSpecs } from "../../../src/nn/language-model";
import { linearSpecs } from "../../../src/nn/linear";
import { messagePassingSpecs } from "../../../src/nn/message-passing";
import type { ParameterSpecs } from "../../../src/nn/parameters";

const SEED = 7;

/** logits = out(relu(in(x))), mean cross-entropy, Adam. */
export const mlpSizes = { width: 128, hidden: 256, classes: 10, batch: 256 };
export const mlpSpecs: ParameterSpecs = {
  ...linearSpecs("in", mlpSizes.width, mlpSizes.hidden),
  ...linearSpecs("out", mlpSizes.hidden, mlpSizes.classes),
};

/** Pre-norm, learned positions, causal, exact GELU, no bias in the head, mean cross-entropy of the next word. */
export const languageSizes = { vocabulary: 64, tokens: 256, width: 128, heads: 4, layers: 4 };
export const languageSpecs: ParameterSpecs = languageModelSpecs(languageSizes);
export const LANGUAGE_ROWS = 4;

/** Encoder, rounds of message passing with SiLU and sums, decoder; mean squared error, Adam. */
export const graphSizes = { nodes: 1271, edges: 13_000, features: 16, width: 64, rounds: 3, outputs: 2 };
export const graphSpecs: ParameterSpecs = {
  ...linearSpecs("encode", graphSizes.features, graphSizes.width),
  ...Object.assign(
    {},
    ...Array.from({ length: graphSizes.rounds }, (_, i) =>
      messagePassingSpecs(`rounds.${i}`, { width: graphSizes.width, hidden: graphSizes.width }),
    ),
  ),
  ...linearSpecs("decode", graphSizes.width, graphSizes.outputs),
};

/** Ends of the edges, sorted by receiver, as data loaders of graphs give them. */
export function graphEdges(): { senders: Int32Array; receivers: Int32Array } {
  const { nodes, edges } = graphSizes;
  const random = new Random(SEED, 9);
  const draw = (): Int32Array => Int32Array.from({ length: edges }, () => random.below(nodes));
  const receivers = draw().sort();
  return { senders: draw(), receivers };
}

/** All models are trained by these; the decay is AdamW's and spares biases, norms and embeddings. */
export const training = {
  rate: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-6,
  decay: { "mlp-step": 0, "transformer-step": 0.1, "graph-step": 0 },
};

/** First values of each parameter, in the order of the specs. */
export const initialParameters = (specs: ParameterSpecs): Float32Array[] =>
  Object.values(specs).map((spec, i) => initialValues(spec.init, spec.shape, SEED, i + 1));

/** Rows that count up by a stride: words and the words that follow, [LANGUAGE_ROWS, tokens] each. */
export function languageBatch() {
  const { vocabulary, tokens } = languageSizes;
  const random = new Random(SEED, 8);
  const [words, next] = [0, 0].map(() => new Float32Array(LANGUAGE_ROWS * tokens));
  for (let row = 0; row < LANGUAGE_ROWS; row++) {
    const [start, stride] = [random.below(vocabulary), 1 + random.below(7)];
    for (let i = 0; i < tokens; i++) {
      words[row * tokens + i] = (start + stride * i) % vocabulary;
      next[row * tokens + i] = (start + stride * (i + 1)) % vocabulary;
    }
  }
  return { sizes: languageSizes, batch: LANGUAGE_ROWS, words, next };
}
