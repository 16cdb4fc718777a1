// Matrix product with batch broadcasting, transposed operands and a fused epilogue:
// c = act(scale·op(a)·op(b) + bias) + residual. Four records, one for each set of optional operands, and one whose second
// result are row sums, for bias gradients. Gradients with an activation need the value before it: it is kept when the call
// says so, and else computed again.
import { TesseraError } from "../base/errors";
import { broadcastShapes, formatShape, sameShape, sizeOf } from "../tensor/shape";
import { formatSpec, type Tensor, type TensorSpec } from "../tensor/tensor";
import { sumToShape } from "./broadcast-to";
import { launchMatmul, type MatmulAttrs, type Sizes } from "./matmul-plan";
import { matmulReference } from "./matmul-reference";
import { matmulRejects, matmulSamples, rowSumSamples } from "./matmul-samples";
import { MATMUL_VARIANTS } from "./matmul-tiles";
import { ALONE, defineOp, expectFloat, expectSameDtype, type Op, type Sweep } from "./op";
import { sum } from "./reduce";
import { slopeBefore } from "./unary-backward";

function sizesOf(a: TensorSpec, b: TensorSpec, attrs: MatmulAttrs): Sizes {
  for (const [x, name] of [
    [a, "a"],
    [b, "b"],
  ] as const) {
    expectFloat(x, `matmul: ${name}`);
    if (x.shape.length < 2)
      throw new TesseraError(
        "shape",
        `matmul: ${name} needs at least 2 axes, got ${formatSpec(x)}; reshape a vector to a row or a column`,
      );
  }
  expectSameDtype(a, b, "matmul");
  const [a0, a1] = a.shape.slice(-2);
  const [b0, b1] = b.shape.slice(-2);
  const [m, k] = attrs.transposeA ? [a1, a0] : [a0, a1];
  const [inner, n] = attrs.transposeB ? [b1, b0] : [b0, b1];
  if (k !== inner) {
    const how = `${attrs.transposeA ? ", transposed" : ""} and b is ${formatShape(b.shape)}${attrs.transposeB ? ", transposed" : ""}`;
    throw new TesseraError(
      "shape",
      `matmul: inner sizes differ, a is ${formatShape(a.shape)}${how}; transpose b?`,
    );
  }
  const batchA = a.shape.slice(0, -2);
  const batchB = b.shape.slice(0, -2);
  return { m, n, k, batchA, batchB, batch: broadcastShapes(batchA, batchB, "matmul: batch axes") };
}

function define(extras: { bias: boolean; residual: boolean }): Op<MatmulAttrs> {
  const name = ["matmul", ...(extras.bias ? ["bias"] : []), ...(extras.residual ? ["residual"] : [])].join(
    "-",
  );
  const biasAt = extras.bias ? 2 : -1;
  const residualAt = extras.residual ? (extras.bias ? 3 : 2) : -1;
  return defineOp<MatmulAttrs>({
    name,
    summary: `c = act(scale·op(a)·op(b)${extras.bias ? " + bias" : ""})${extras.residual ? " + residual" : ""}, op = transpose or nothing`,
    inputs: ["a", "b", ...(extras.bias ? ["bias"] : []), ...(extras.residual ? ["residual"] : [])],
    variants: MATMUL_VARIANTS,
    infer(inputs, attrs) {
      const [a, b] = inputs;
      const { m, n, batch } = sizesOf(a, b, attrs);
      const shape = [...batch, m, n];
      const bias = inputs[biasAt];
      const residual = inputs[residualAt];
      if (bias) {
        expectSameDtype(a, bias, "matmul: a and bias");
        if (!sameShape(bias.shape, [n]))
          throw new TesseraError("shape", `matmul: bias must be [${n}], got ${formatShape(bias.shape)}`);
      }
      if (residual) {
        expectSameDtype(a, residual, "matmul: a and residual");
        if (!sameShape(residual.shape, shape))
          throw new TesseraError(
            "shape",
            `matmul: residual must be ${formatShape(shape)}, got ${formatShape(residual.shape)}`,
          );
      }
      const result = { shape, dtype: a.dtype };
      return keepsArgument(attrs) ? [result, result] : [result];
    },
    launch(context) {
      const { inputs, outputs, attrs } = context;
      const [a, b] = inputs;
      launchMatmul(context, sizesOf(a, b, attrs), {
        a,
        b,
        bias: inputs[biasAt],
        residual: inputs[residualAt],
        c: outputs[0],
        extra: outputs[1] && { kind: "argument", tensor: outputs[1] },
      });
    },
    vjp([dy, dz0], { inputs, outputs, attrs, sweep = ALONE }) {
      if (dz0)
        throw new TesseraError("no-gradient", `${name}: the kept argument is for the gradient of c only`);
      if (!dy) return inputs.map(() => undefined);
      const dz = beforeActivation(dy, inputs, biasAt, outputs[1], attrs);
      const wantsBias = extras.bias && sweep.wants(biasAt);
      const { da, db, dbias } = operandGradients(dz, inputs[0], inputs[1], attrs, sweep, wantsBias);
      return [da, db, ...(extras.bias ? [dbias] : []), ...(extras.residual ? [dy] : [])];
    },
    reference(inputs, attrs) {
      const [a, b, bias, residual] = [inputs[0], inputs[1], inputs[biasAt], inputs[residualAt]];
      const c = matmulReference(a, b, bias, residual, attrs);
      if (!keepsArgument(attrs)) return [c];
      return [c, matmulReference(a, b, bias, undefined, { ...attrs, activation: "none" })];
    },
    samples: matmulSamples(extras),
    rejects: matmulRejects(extras),
    bound: {
      f32: {
        rel: 2e-6,
        scaled: 2e-6,
        why: "k rounded additions of random sign: about √k·2⁻²⁵ of the largest result, 1e-6 at k = 4096; the activation adds a few ULP",
      },
      f16: {
        rel: 1e-3,
        scaled: 2e-5,
        why: "one rounding of the result to f16 (4.9e-4); products and sums are f32",
      },
      gradient: {
        rel: 1e-5,
        scaled: 1e-5,
        why: "two products in a row, and act' from a recomputed value: about 4 times the forward bound",
      },
    },
  });
}

const rowCount = (x: Tensor): number => sizeOf(x.shape.slice(0, -1));

/** Without an activation there is nothing to keep. */
const keepsArgument = ({ keepsArgument: keeps = false, activation = "none" }: MatmulAttrs): boolean =>
  keeps && activation !== "none";

function beforeActivation(
  dy: Tensor,
  inputs: readonly Tensor[],
  biasAt: number,
  kept: Tensor | undefined,
  attrs: MatmulAttrs,
): Tensor {
  const plain = { ...attrs, activation: "none" as const };
  const [a, b] = inputs;
  return slopeBefore(dy, attrs.activation, kept, () =>
    inputs[biasAt] ? matmulBiasOp([a, b, inputs[biasAt]], plain)[0] : matmulOp([a, b], plain)[0],
  );
}

/**
 * With c = op(a)·op(b): ∂op(a) = dz·op(b)ᵀ and ∂op(b) = op(a)ᵀ·dz, each stored as its operand is, and the gradient of a bias,
 * the sums over the rows of dz: a second result of the product dzᵀ·op(a) where that is taken.
 */
function operandGradients(
  dz: Tensor,
  a: Tensor,
  b: Tensor,
  attrs: MatmulAttrs,
  sweep: Sweep,
  wantsBias: boolean,
): Record<"da" | "db" | "dbias", Tensor | undefined> {
  const { transposeA = false, transposeB = false, scale = 1 } = attrs;
  // One b for a whole batch: its gradient is one product over all rows instead of a sum of many.
  const shared = sizeOf(b.shape.slice(0, -2)) === 1 && !transposeA && a.shape.length > 2;
  const x = shared ? a.reshape([rowCount(a), a.shape.at(-1) ?? 0]) : a;
  const d = shared ? dz.reshape([rowCount(dz), dz.shape.at(-1) ?? 0]) : dz;

  /** Gradient of input i; what its other uses gave is added by the product itself where the batch axes are the same. */
  const gradient = (
    i: 0 | 1,
    [first, transposeFirst]: [Tensor, boolean],
    [second, transposeSecond]: [Tensor, boolean],
    batch: readonly number[],
  ): Tensor | undefined => {
    if (!sweep.wants(i)) return undefined;
    const operand = [a, b][i];
    const shape = [...batch, ...operand.shape.slice(-2)];
    const before = sizeOf(shape) === operand.size ? sweep.take(i) : undefined;
    const product = { transposeA: transposeFirst, transposeB: transposeSecond, scale };
    const sum = before
      ? matmulResidualOp([first, second, before.reshape(shape)], product)[0]
      : matmulOp([first, second], product)[0];
    return sizeOf(shape) === operand.size ? sum.reshape(operand.shape) : sumToShape(sum, operand.shape);
  };
  const batch = dz.shape.slice(0, -2);
  const da = transposeA
    ? gradient(0, [b, transposeB], [dz, true], batch)
    : gradient(0, [dz, false], [b, !transposeB], batch);
  if (wantsBias && transposeB && !transposeA && d.shape.length === 2 && sweep.wants(1) && !sweep.has(1)) {
    const [db, dbias] = matmulRowSumsOp([d, x], { transposeA: true, scale });
    return { da, db: db.reshape(b.shape), dbias };
  }
  const db = transposeB
    ? gradient(1, [d, true], [x, transposeA], shared ? [] : batch)
    : gradient(1, [x, !transposeA], [d, false], shared ? [] : batch);
  const rows = dz.reshape([rowCount(dz), dz.shape.at(-1) ?? 0]);
  return { da, db, dbias: wantsBias ? sum(rows, { axes: [0] }) : undefined };
}

export const matmulRowSumsOp: Op<MatmulAttrs> = defineOp<MatmulAttrs>({
  name: "matmul-row-sums",
  summary:
    "c = scale·op(a)·op(b), and s = Σ_k op(a)[…, k]: the gradients of a layer's weight and bias in one pass",
  inputs: ["a", "b"],
  variants: MATMUL_VARIANTS,
  infer([a, b], attrs) {
    const { m, n, batch, batchA } = sizesOf(a, b, attrs);
    if (batch.length || batchA.length)
      throw new TesseraError(
        "shape",
        `matmul-row-sums: a and b must be matrices, got ${formatSpec(a)} and ${formatSpec(b)}`,
      );
    return [
      { shape: [m, n], dtype: a.dtype },
      { shape: [m], dtype: a.dtype },
    ];
  },
  launch(context) {
    const [a, b] = context.inputs;
    const [c, sums] = context.outputs;
    const extra = { kind: "row sums", tensor: sums } as const;
    launchMatmul(context, sizesOf(a, b, context.attrs), { a, b, c, extra });
  },
  vjp: { none: "used inside gradients; second derivatives are not offered" },
  reference([a, b], attrs) {
    const ones = {
      shape: [attrs.transposeB ? 1 : b.shape[0], attrs.transposeB ? b.shape[1] : 1],
      data: b.data,
    };
    const column = { ...ones, data: new Float64Array(ones.shape[0] * ones.shape[1]).fill(1) };
    const sums = matmulReference(a, column, undefined, undefined, { ...attrs, scale: 1 });
    return [
      matmulReference(a, b, undefined, undefined, attrs),
      { shape: sums.shape.slice(0, 1), data: sums.data },
    ];
  },
  samples: rowSumSamples,
  rejects: [
    {
      inputs: [
        { shape: [2, 3, 4], dtype: "f32" },
        { shape: [4, 5], dtype: "f32" },
      ],
      attrs: {},
      says: "matmul-row-sums: a and b must be matrices, got f32[2, 3, 4] and f32[4, 5]",
    },
  ],
  bound: {
    f32: { rel: 2e-6, scaled: 2e-6, why: "as matmul; the sums are products with ones" },
    f16: { rel: 1e-3, scaled: 2e-5, why: "one rounding of the result to f16; sums are f32" },
  },
});

export const matmulOp: Op<MatmulAttrs> = define({ bias: false, residual: false });
export const matmulBiasOp: Op<MatmulAttrs> = define({ bias: true, residual: false });
export const matmulResidualOp: Op<MatmulAttrs> = define({ bias: false, residual: true });
export const matmulBiasResidualOp: Op<MatmulAttrs> = define({ bias: true, residual: true });

export interface MatmulOptions extends MatmulAttrs {
  /** Row vector [N], added before the activation. */
  bias?: Tensor;
  /** Shape of the result, added after the activation. */
  residual?: Tensor;
}

/**
 * act(scale·op(a)·op(b) + bias) + residual. a [..., M, K], b [..., K, N] (stored transposed with `transposeA`,
 * `transposeB`), batch axes broadcast; result [..., M, N]. f32 or f16 storage, f32 sums.
 * @throws TesseraError `shape`, `dtype`.
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { bias, residual, ...attrs } = options;
  if (bias && residual) return matmulBiasResidualOp([a, b, bias, residual], attrs)[0];
  if (bias) return matmulBiasOp([a, b, bias], attrs)[0];
  if (residual) return matmulResidualOp([a, b, residual], attrs)[0];
  return matmulOp([a, b], attrs)[0];
}
