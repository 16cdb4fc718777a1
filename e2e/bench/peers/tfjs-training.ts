// TensorFlow.js in the training bench: its gradients and its Adam, with attention, norms and decay as a user writes them.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import type { BenchCase, Prepared, TrainingOp } from "../page/contestant";
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

type Variables = Record<string, tf.Variable>;
type Step = BenchCase<TrainingOp> & { op: keyof typeof training.decay };

export function prepareTraining(item: BenchCase<TrainingOp>): Prepared {
  switch (item.op) {
    case "attention-gradient": {
      const operands = item.inputs.map((v) => tf.tensor(v, [...item.dims]));
      const width = item.dims[2];
      const gradient = tf.grads((q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) =>
        tf.matMul(tf.softmax(tf.matMul(q, k, false, true).mul(1 / Math.sqrt(width))), v),
      );
      return repeatable(operands, () =>
        tf.concat(gradient(operands.slice(0, 3), operands[3]).map((g) => g.flatten())),
      );
    }
    case "scatter-add": {
      const [count, width, rows] = item.dims;
      const values = tf.tensor2d(item.inputs[0], [count, width]);
      const index = tf.tensor1d(Int32Array.from(item.inputs[1]), "int32");
      return repeatable([values, index], () => tf.unsortedSegmentSum(values, index, rows));
    }
    case "mlp-step": {
      const x = tf.tensor2d(item.inputs[0], [mlpSizes.batch, mlpSizes.width]);
      const labels = oneHot(item.inputs[1], mlpSizes.classes);
      return step({ ...item, op: item.op }, mlpSpecs, [x, labels], (p) =>
        crossEntropy(linear(p, "out", tf.relu(linear(p, "in", x))), labels),
      );
    }
    case "graph-step": {
      const { nodes, features, outputs } = graphSizes;
      const x = tf.tensor2d(item.inputs[0], [nodes, features]);
      const y = tf.tensor2d(item.inputs[1], [nodes, outputs]);
      const { senders, receivers } = graphEdges();
      const [from, to] = [senders, receivers].map((values) => tf.tensor1d(values, "int32"));
      return step({ ...item, op: item.op }, graphSpecs, [x, y, from, to], (p) =>
        graphLoss(p, x, y, from, to),
      );
    }
    case "transformer-step": {
      const [words, next] = item.inputs.slice(0, 2).map((v) => oneHot(v, languageSizes.vocabulary));
      const { tokens } = languageSizes;
      const mask = tf.tidy(() => {
        const ones = tf.ones([tokens, tokens]) as tf.Tensor2D;
        return ones.sub(tf.linalg.bandPart(ones, -1, 0)).mul(-1e9);
      });
      return step({ ...item, op: item.op }, languageSpecs, [words, next, mask], (p) =>
        languageLoss(p, words, next, mask),
      );
    }
  }
}

const oneHot = (values: Float32Array, count: number): tf.Tensor =>
  tf.tidy(() => tf.oneHot(tf.tensor1d(Int32Array.from(values), "int32"), count).toFloat());

/** A computation without state, run again each time; it frees `operands` in the end. */
export function repeatable(operands: tf.Tensor[], apply: () => tf.Tensor): Prepared {
  return {
    async run() {
      // Reading one value is the public way to wait for the device.
      const out = tf.tidy(() => apply().flatten().slice(0, 1));
      await out.data();
      out.dispose();
    },
    async result() {
      const out = tf.tidy(apply);
      const values = (await out.data()) as Float32Array;
      out.dispose();
      return values;
    },
    dispose: () => tf.dispose(operands),
  };
}

function linear(p: Variables, name: string, x: tf.Tensor): tf.Tensor {
  const rows = x.reshape([-1, x.shape[x.shape.length - 1]]);
  const y = tf.matMul(rows, p[`${name}.weight`] as unknown as tf.Tensor2D, false, true);
  return p[`${name}.bias`] ? y.add(p[`${name}.bias`]) : y;
}
function layerNorm(p: Variables, name: string, x: tf.Tensor): tf.Tensor {
  const { mean, variance } = tf.moments(x, -1, true);
  return x.sub(mean).div(variance.add(1e-5).sqrt()).mul(p[`${name}.weight`]).add(p[`${name}.bias`]);
}
const crossEntropy = (logits: tf.Tensor, targets: tf.Tensor): tf.Scalar =>
  tf.neg(tf.mean(tf.sum(tf.mul(tf.logSoftmax(logits), targets), -1))) as tf.Scalar;
const gelu = (x: tf.Tensor): tf.Tensor => x.mul(0.5).mul(tf.erf(x.mul(Math.SQRT1_2)).add(1));

function languageLoss(p: Variables, words: tf.Tensor, next: tf.Tensor, mask: tf.Tensor): tf.Scalar {
  const { width, heads, layers, tokens } = languageSizes;
  const head = width / heads;
  let x = tf
    .matMul(words as tf.Tensor2D, p["tok.weight"] as unknown as tf.Tensor2D)
    .reshape([LANGUAGE_ROWS, tokens, width]);
  x = x.add(p["pos.weight"]).reshape([LANGUAGE_ROWS * tokens, width]);
  for (let layer = 0; layer < layers; layer++) {
    const n = `blocks.${layer}`;
    const qkv = linear(p, `${n}.attn.qkv`, layerNorm(p, `${n}.norm1`, x));
    const [q, k, v] = tf
      .split(qkv, 3, -1)
      .map((part) => part.reshape([LANGUAGE_ROWS, tokens, heads, head]).transpose([0, 2, 1, 3]));
    const scores = tf
      .matMul(q, k, false, true)
      .mul(1 / Math.sqrt(head))
      .add(mask);
    const mixed = tf.matMul(tf.softmax(scores), v).transpose([0, 2, 1, 3]).reshape([-1, width]);
    x = x.add(linear(p, `${n}.attn.proj`, mixed));
    const hidden = gelu(linear(p, `${n}.mlp.in`, layerNorm(p, `${n}.norm2`, x)));
    x = x.add(linear(p, `${n}.mlp.out`, hidden));
  }
  return crossEntropy(linear(p, "head", layerNorm(p, "norm", x)), next);
}

/** First layer by node and gathered by edge, as ours. */
function graphLoss(p: Variables, x: tf.Tensor, y: tf.Tensor, from: tf.Tensor1D, to: tf.Tensor1D): tf.Scalar {
  const { nodes, rounds } = graphSizes;
  const silu = (values: tf.Tensor): tf.Tensor => values.mul(tf.sigmoid(values));
  let h = linear(p, "encode", x);
  for (let i = 0; i < rounds; i++) {
    const n = `rounds.${i}`;
    const [sender, receiver] = tf.split(linear(p, `${n}.edge.nodes`, h), 2, -1);
    const first = tf.gather(sender, from).add(tf.gather(receiver, to)).add(p[`${n}.edge.bias`]);
    const total = tf.unsortedSegmentSum(linear(p, `${n}.edge.out`, silu(first)), to, nodes);
    const hidden = silu(linear(p, `${n}.node.in`, tf.concat([h, total], 1)));
    h = h.add(linear(p, `${n}.node.out`, hidden));
  }
  return tf.mean(tf.square(linear(p, "decode", h).sub(y))) as tf.Scalar;
}

function step(
  item: Step,
  specs: typeof mlpSpecs,
  batch: tf.Tensor[],
  loss: (p: Variables) => tf.Scalar,
): Prepared {
  const names = Object.keys(specs);
  const p: Variables = Object.fromEntries(
    names.map((name, i) => [name, tf.variable(tf.tensor(item.inputs[2 + i], [...specs[name].shape]))]),
  );
  const { rate, beta1, beta2, epsilon } = training;
  const decay = training.decay[item.op];
  const adam = tf.train.adam(rate, beta1, beta2, epsilon);
  const once = (): tf.Scalar => {
    // The gradient is taken before the decay, as AdamW does: both start from the same weights.
    const { value, grads } = tf.variableGrads(() => loss(p), Object.values(p));
    tf.tidy(() => {
      if (decay)
        for (const name of names)
          if (specs[name].decay !== false) p[name].assign(p[name].mul(1 - rate * decay));
    });
    adam.applyGradients(grads);
    tf.dispose(grads);
    return value;
  };
  const read = async (): Promise<Float32Array> => {
    const value = once();
    const values = (await value.data()) as Float32Array;
    value.dispose();
    return values;
  };
  return {
    // The loss is known before the update is done; the last variable is read to wait for it.
    async run() {
      once().dispose();
      const last = tf.tidy(() => p[names[names.length - 1]].flatten().slice(0, 1));
      await last.data();
      last.dispose();
    },
    result: read,
    dispose() {
      adam.dispose();
      tf.dispose([...Object.values(p), ...batch]);
    },
  };
}
