// The first layer of an edge network on a graph, with the product taken once per node instead of once per edge:
// act(W·[h_s, h_r, e]) = act(W_s·h_s + W_r·h_r + W_e·e). Edges are sorted by receiver; their way back needs no atomics.

import nodesText from "../../shaders/ops/edge_nodes.wgsl?raw";
import edgeText from "../../shaders/ops/edge_sum.wgsl?raw";
import { TesseraError } from "../base/errors";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import { sameShape } from "../tensor/shape";
import { formatSpec, type Tensor, type TensorSpec } from "../tensor/tensor";
import { expectIndex } from "./csr";
import {
  ALONE,
  defineOp,
  expectFloat,
  expectSameDtype,
  type LaunchContext,
  type Op,
  type RefArray,
  type Sample,
  type SampleInput,
} from "./op";
import { sum } from "./reduce";
import { UNARY, unaryCode } from "./unary-functions";
import { arithmetic, gridOf } from "./width";

const edgeSource: KernelSource = { file: "ops/edge_sum.wgsl", text: edgeText };
const nodesSource: KernelSource = { file: "ops/edge_nodes.wgsl", text: nodesText };
const LANES = 64;
/** Code of the identity in lib/activate. */
const IDENTITY = 99;

export type EdgeActivation = "none" | "relu" | "gelu" | "gelu-tanh" | "silu" | "tanh";
export interface EdgeAttrs {
  activation: EdgeActivation;
}

const names = (withEdge: boolean): string[] => ["nodes", "bias", ...(withEdge ? ["edge"] : [])];
/** Inputs of all records, behind the float ones: where edges go, and how they come back. */
const INDICES = ["senders", "receivers", "sent", "order", "received"] as const;

function expectGraph(inputs: readonly TensorSpec[], withEdge: boolean, what: string): number[] {
  const [nodes, bias] = inputs;
  const [senders, receivers, sent, order, received] = inputs.slice(withEdge ? 3 : 2);
  expectFloat(nodes, `${what}: nodes`);
  expectSameDtype(nodes, bias, `${what}: nodes and bias`);
  const [count, twice] = nodes.shape;
  const edges = senders.shape[0];
  const n = twice / 2;
  if (nodes.shape.length !== 2 || !Number.isInteger(n) || count === 0 || n === 0)
    throw new TesseraError(
      "shape",
      `${what}: nodes must be [N, 2n] with N above 0, got ${formatSpec(nodes)}`,
    );
  const wanted: [string, TensorSpec, readonly number[]][] = [
    ["bias", bias, [n]],
    ["senders", senders, [edges]],
    ["receivers", receivers, [edges]],
    ["sent", sent, [count + 1]],
    ["order", order, [edges]],
    ["received", received, [count + 1]],
  ];
  if (withEdge) {
    expectSameDtype(nodes, inputs[2], `${what}: nodes and edge`);
    wanted.push(["edge", inputs[2], [edges, n]]);
  }
  for (const [name, spec, shape] of wanted) {
    if (name !== "bias" && name !== "edge") expectIndex(spec, `${what}: ${name}`);
    if (!sameShape(spec.shape, shape))
      throw new TesseraError(
        "shape",
        `${what}: ${name} must be [${shape.join(", ")}], got ${formatSpec(spec)}`,
      );
  }
  return [edges, n];
}

function recordEdges(
  { dispatch }: LaunchContext<EdgeAttrs>,
  floats: { nodes: Tensor; bias: Tensor; edge?: Tensor; dy?: Tensor; y: Tensor },
  senders: Tensor,
  receivers: Tensor,
  activation: EdgeActivation,
): void {
  const { nodes, bias, edge, dy, y } = floats;
  if (y.size === 0) return;
  const n = y.shape[1];
  const wide = n % 4 === 0;
  const width = wide ? 4 : 1;
  const { groups, uniforms } = gridOf(y.size / width);
  dispatch({
    variants: [
      {
        name: "value",
        kernel: kernel(edgeSource, {
          types: { ...arithmetic(y.dtype, wide), E: wide ? "vec4<T>" : "T" },
          constants: {
            FUNCTION: activation === "none" ? IDENTITY : unaryCode(activation),
            HAS_EDGE: edge ? 1 : 0,
            BACKWARD: dy ? 1 : 0,
          },
        }),
        groups,
        uniforms: { ...uniforms, n: n / width, nodes: nodes.shape[0] },
      },
    ],
    bindings: [nodes, bias, edge ?? nodes, senders, receivers, dy ?? nodes, y],
    work: y.size * 40,
  });
}

/** z of every edge in float64. */
function argument(inputs: readonly RefArray[], withEdge: boolean): Float64Array {
  const [nodes, bias, edge] = inputs;
  const [senders, receivers] = inputs.slice(withEdge ? 3 : 2);
  const n = bias.data.length;
  return Float64Array.from({ length: senders.data.length * n }, (_, i) => {
    const [e, j] = [Math.floor(i / n), i % n];
    const ends = nodes.data[senders.data[e] * 2 * n + j] + nodes.data[(receivers.data[e] * 2 + 1) * n + j];
    return ends + bias.data[j] + (withEdge ? edge.data[i] : 0);
  });
}

/** A graph of five nodes and seven edges sorted by receiver; node 3 receives nothing, node 4 sends nothing. */
const SENDERS = [1, 3, 0, 2, 1, 3, 1];
const RECEIVERS = [0, 0, 1, 1, 1, 2, 4];
const indices = (): SampleInput[] => [
  list(SENDERS),
  list(RECEIVERS),
  list([0, 1, 4, 5, 7, 7]),
  list([2, 0, 4, 6, 3, 1, 5]),
  list([0, 2, 5, 6, 6, 7]),
];
function list(values: readonly number[]): SampleInput {
  return { shape: [values.length], dtype: "u32", fill: { kind: "values", values } };
}
const EMPTY = [list([]), list([]), list([0, 0, 0]), list([]), list([0, 0, 0])];

function define(withEdge: boolean): Op<EdgeAttrs> {
  const name = withEdge ? "edge-sum-featured" : "edge-sum";
  const floats = (nodes: number, edges: number, n: number): SampleInput[] => [
    { shape: [nodes, 2 * n] },
    { shape: [n] },
    ...(withEdge ? [{ shape: [edges, n] }] : []),
  ];
  const sample = (title: string, n: number, activation: EdgeActivation): Sample<EdgeAttrs> => ({
    name: title,
    inputs: [...floats(5, 7, n), ...indices()],
    attrs: { activation },
  });
  return defineOp<EdgeAttrs>({
    name,
    summary: `y[e] = act(nodes[senders[e], first half] + nodes[receivers[e], second half] + bias${withEdge ? " + edge[e]" : ""})`,
    inputs: [...names(withEdge), ...INDICES],
    variants: ["value"],
    infer(inputs) {
      const shape = expectGraph(inputs, withEdge, name);
      return [{ shape, dtype: inputs[0].dtype }];
    },
    launch(context) {
      const [nodes, bias, edge] = context.inputs;
      const [senders, receivers] = context.inputs.slice(withEdge ? 3 : 2);
      const [y] = context.outputs;
      const parts = { nodes, bias, edge: withEdge ? edge : undefined, y };
      recordEdges(context, parts, senders, receivers, context.attrs.activation);
    },
    vjp([dy], { inputs, attrs, sweep = ALONE }) {
      if (!dy) return inputs.map(() => undefined);
      const [, , sent, order, received] = inputs.slice(withEdge ? 3 : 2);
      const slope = withEdge ? edgeSlopeFeaturedOp : edgeSlopeOp;
      const dz = attrs.activation === "none" ? dy : slope([dy, ...inputs], attrs)[0];
      return [
        sweep.wants(0) ? edgeNodesOp([dz, sent, order, received], {})[0] : undefined,
        sweep.wants(1) ? sum(dz, { axes: [0] }) : undefined,
        ...(withEdge ? [dz] : []),
        ...INDICES.map(() => undefined),
      ];
    },
    reference(inputs, { activation }) {
      const z = argument(inputs, withEdge);
      const data = activation === "none" ? z : z.map((v) => UNARY[activation].value(v, 0, 0));
      const n = inputs[1].data.length;
      return [{ shape: [z.length / n, n], data }];
    },
    samples: [
      sample("odd", 3, "silu"),
      sample("by fours", 8, "relu"),
      sample("no activation", 5, "none"),
      { name: "no edges", inputs: [...floats(2, 0, 4), ...EMPTY], attrs: { activation: "silu" } },
    ],
    rejects: [
      {
        inputs: [...floats(5, 7, 3), ...indices()].map(({ shape, dtype = "f32" }, i) => ({
          shape: i === 1 ? [4] : shape,
          dtype,
        })),
        attrs: { activation: "none" },
        says: `${name}: bias must be [3], got f32[4]`,
      },
    ],
    bound: {
      f32: {
        rel: 4e-6,
        scaled: 1e-6,
        why: "three additions that may cancel, then an activation within 31 ULP",
      },
      f16: { rel: 1e-3, scaled: 1e-5, abs: 6e-8, why: "one rounding of the result to f16; f32 inside" },
      gradient: {
        rel: 1e-5,
        scaled: 1e-5,
        why: "the slope of the activation, and a sum over the edges of a node",
      },
    },
  });
}

function defineSlope(withEdge: boolean): Op<EdgeAttrs> {
  const name = withEdge ? "edge-slope-featured" : "edge-slope";
  return defineOp<EdgeAttrs>({
    name,
    summary: "dz = dy·act'(z) of edge-sum, with z computed again",
    inputs: ["dy", ...names(withEdge), ...INDICES],
    variants: ["value"],
    infer([dy, ...inputs]) {
      const shape = expectGraph(inputs, withEdge, name);
      if (!sameShape(dy.shape, shape))
        throw new TesseraError("shape", `${name}: dy must be [${shape.join(", ")}], got ${formatSpec(dy)}`);
      return [{ shape, dtype: dy.dtype }];
    },
    launch(context) {
      const [dy, nodes, bias, edge] = context.inputs;
      const [senders, receivers] = context.inputs.slice(withEdge ? 4 : 3);
      const parts = { nodes, bias, edge: withEdge ? edge : undefined, dy, y: context.outputs[0] };
      recordEdges(context, parts, senders, receivers, context.attrs.activation);
    },
    vjp: { none: "second derivatives are not offered" },
    reference([dy, ...inputs], { activation }) {
      const z = argument(inputs, withEdge);
      const slope = activation === "none" ? () => 1 : UNARY[activation].derivative;
      return [{ shape: dy.shape, data: z.map((v, i) => dy.data[i] * slope(v, 0, 0)) }];
    },
    samples: (["silu", "gelu-tanh", "tanh"] as const).map((activation, i) => ({
      name: activation,
      inputs: [
        { shape: [7, 3 + i] },
        { shape: [5, 6 + 2 * i] },
        { shape: [3 + i] },
        ...(withEdge ? [{ shape: [7, 3 + i] }] : []),
        ...indices(),
      ],
      attrs: { activation },
    })),
    rejects: [
      {
        inputs: [
          { shape: [6, 3], dtype: "f32" },
          { shape: [5, 6], dtype: "f32" },
          { shape: [3], dtype: "f32" },
          ...(withEdge ? [{ shape: [7, 3], dtype: "f32" } as const] : []),
          ...indices().map(({ shape }) => ({ shape, dtype: "u32" }) as const),
        ],
        attrs: { activation: "silu" },
        says: `${name}: dy must be [7, 3], got f32[6, 3]`,
      },
    ],
    bound: {
      f32: {
        rel: 6e-6,
        scaled: 2e-6,
        why: "z may cancel; the slope of the activation within a few ULP of 1",
      },
      f16: { rel: 1e-3, scaled: 1e-5, abs: 6e-7, why: "one rounding of the result to f16; f32 inside" },
    },
  });
}

export const edgeSumOp = define(false);
export const edgeSumFeaturedOp = define(true);
export const edgeSlopeOp = defineSlope(false);
export const edgeSlopeFeaturedOp = defineSlope(true);

export const edgeNodesOp = defineOp<Record<string, never>>({
  name: "edge-nodes",
  summary:
    "y[i] = [Σ x over the edges that node i sends | Σ x over those that it receives], in the order of edges",
  inputs: ["x", "sent", "order", "received"],
  variants: ["value"],
  infer([x, sent, order, received]) {
    expectFloat(x, "edge-nodes: x");
    if (
      x.shape.length !== 2 ||
      !sameShape(order.shape, x.shape.slice(0, 1)) ||
      !sameShape(sent.shape, received.shape)
    )
      throw new TesseraError(
        "shape",
        `edge-nodes: x must be [E, n] with order [E] and two lists [N + 1], got ${[x, sent, order, received].map(formatSpec).join(", ")}`,
      );
    return [{ shape: [sent.shape[0] - 1, 2 * x.shape[1]], dtype: x.dtype }];
  },
  launch({ inputs: [x, sent, order, received], outputs: [y], dispatch }) {
    if (y.size === 0) return;
    const [edges, n] = x.shape;
    const wide = n % 4 === 0;
    const width = wide ? 4 : 1;
    dispatch({
      variants: [
        {
          name: "value",
          kernel: kernel(nodesSource, { types: { ...arithmetic(x.dtype, wide), E: wide ? "vec4<T>" : "T" } }),
          groups: Math.ceil(y.size / width / LANES),
          uniforms: { count: y.size / width, n: n / width, edges },
        },
      ],
      bindings: [x, sent, order, received, y],
      work: x.size * 4 + y.size * 4,
    });
  },
  vjp: { none: "used inside gradients; second derivatives are not offered" },
  reference([x, sent, order, received]) {
    const n = x.shape[1];
    const count = sent.data.length - 1;
    const data = new Float64Array(count * 2 * n);
    for (let node = 0; node < count; node++) {
      for (let j = 0; j < n; j++) {
        for (let k = sent.data[node]; k < sent.data[node + 1]; k++)
          data[node * 2 * n + j] += x.data[order.data[k] * n + j];
        for (let e = received.data[node]; e < received.data[node + 1]; e++)
          data[(node * 2 + 1) * n + j] += x.data[e * n + j];
      }
    }
    return [{ shape: [count, 2 * n], data }];
  },
  samples: [
    { name: "odd", inputs: [{ shape: [7, 3] }, ...indices().slice(2)], attrs: {} },
    { name: "by fours", inputs: [{ shape: [7, 8] }, ...indices().slice(2)], attrs: {} },
    { name: "no edges give zeros", inputs: [{ shape: [0, 4] }, ...EMPTY.slice(2)], attrs: {} },
  ],
  rejects: [
    {
      inputs: [
        { shape: [7, 3], dtype: "f32" },
        { shape: [6], dtype: "u32" },
        { shape: [7], dtype: "u32" },
        { shape: [5], dtype: "u32" },
      ],
      attrs: {},
      says: "edge-nodes: x must be [E, n] with order [E] and two lists [N + 1], got f32[7, 3], u32[6], u32[7], u32[5]",
    },
  ],
  bound: {
    f32: { rel: 1e-6, scaled: 1e-6, why: "additions in order over a node's edges" },
    f16: { rel: 1e-3, scaled: 1e-5, why: "one rounding of the result to f16; f32 inside" },
  },
});

/** Indices of a graph on the device; edges are sorted by receiver. */
export interface EdgeIndices {
  senders: Tensor;
  receivers: Tensor;
  /** Offsets [N + 1] into `order`, which lists the edges that each node sends. */
  sent: Tensor;
  order: Tensor;
  /** Offsets [N + 1] of the edges that each node receives. */
  received: Tensor;
}

/**
 * act(nodes[s, first half] + nodes[r, second half] + bias + edge) for every edge s → r: nodes f[N, 2n], bias f[n],
 * edge f[E, n] or left out → f[E, n]. @throws TesseraError `shape`, `dtype`.
 */
export function edgeSum(
  nodes: Tensor,
  graph: EdgeIndices,
  { bias, edge, activation = "none" }: { bias: Tensor; edge?: Tensor; activation?: EdgeActivation },
): Tensor {
  const lists = INDICES.map((name) => graph[name]);
  if (edge) return edgeSumFeaturedOp([nodes, bias, edge, ...lists], { activation })[0];
  return edgeSumOp([nodes, bias, ...lists], { activation })[0];
}
