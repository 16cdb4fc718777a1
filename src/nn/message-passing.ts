// Message passing on a graph whose edges are sorted by receiver (CSR): an edge network, a sum over each node's edges, a node
// network. The edge network's first product is taken per node, W_s·h_s + W_r·h_r gathered by edge, instead of per edge on
// concatenated features: E/N times less arithmetic. Shape letters: N nodes, E edges, d width.
import type { Gpu } from "../gpu/gpu";
import { concat } from "../ops/concat";
import { checkIndices } from "../ops/csr";
import { type EdgeActivation, type EdgeIndices, edgeSum } from "../ops/edge-sum";
import { segmentMean, segmentSum } from "../ops/segment";
import { type Tensor, upload } from "../tensor/tensor";
import { linear, linearSpecs } from "./linear";
import type { ParameterSpecs, Parameters } from "./parameters";

export interface Graph extends EdgeIndices {
  readonly nodes: number;
  readonly edges: number;
  /** Place of each sorted edge in the order given: rows of edge features are taken in this order. */
  readonly permutation: Uint32Array;
}

/**
 * Sorts the edges senders[e] → receivers[e] by receiver, stably, and makes the lists that both directions need. The tensors
 * belong to the current scope. @throws TesseraError `index` naming the first bad end of an edge.
 */
export function createGraph(
  gpu: Gpu,
  nodes: number,
  senders: ArrayLike<number>,
  receivers: ArrayLike<number>,
): Graph {
  checkIndices(senders, nodes, "senders");
  checkIndices(receivers, nodes, "receivers");
  const byReceiver = listed(receivers, nodes);
  const take = (values: ArrayLike<number>): Uint32Array => byReceiver.order.map((e) => values[e]);
  const bySender = listed(take(senders), nodes);
  const u32 = (values: Uint32Array): Tensor => upload(gpu, values, [values.length], "u32");
  return {
    nodes,
    edges: receivers.length,
    permutation: byReceiver.order,
    senders: u32(take(senders)),
    receivers: u32(take(receivers)),
    sent: u32(bySender.offsets),
    order: u32(bySender.order),
    received: u32(byReceiver.offsets),
  };
}

/** Positions by value, ascending, and where each value's begin. */
function listed(values: ArrayLike<number>, count: number): { offsets: Uint32Array; order: Uint32Array } {
  const offsets = new Uint32Array(count + 1);
  for (let e = 0; e < values.length; e++) offsets[values[e] + 1]++;
  for (let i = 0; i < count; i++) offsets[i + 1] += offsets[i];
  const next = offsets.slice();
  const order = new Uint32Array(values.length);
  for (let e = 0; e < values.length; e++) order[next[values[e]]++] = e;
  return { offsets, order };
}

export interface MessageSizes {
  /** Width of the nodes' features. */
  width: number;
  /** Width of the edges' features; none when left out. */
  edgeWidth?: number;
  /** Width of the hidden layers and of the messages. */
  hidden: number;
}

/**
 * `edge.nodes` [d] → [sender part | receiver part], `edge.features` [edge width] → [hidden], `edge.bias`, `edge.out`
 * [hidden] → [hidden]; `node.in` [d + hidden] → [hidden], `node.out` [hidden] → [d].
 */
export function messagePassingSpecs(
  name: string,
  { width, edgeWidth, hidden }: MessageSizes,
): ParameterSpecs {
  return {
    ...linearSpecs(`${name}.edge.nodes`, width, 2 * hidden, { bias: false }),
    ...(edgeWidth && linearSpecs(`${name}.edge.features`, edgeWidth, hidden, { bias: false })),
    [`${name}.edge.bias`]: { shape: [hidden], init: { kind: "zeros" }, decay: false },
    ...linearSpecs(`${name}.edge.out`, hidden, hidden),
    ...linearSpecs(`${name}.node.in`, width + hidden, hidden),
    ...linearSpecs(`${name}.node.out`, hidden, width),
  };
}

/** One round: h f[N, d], edge features f[E, edge width] in the graph's order → h + node network, f[N, d]. */
export function messagePassing(
  p: Parameters,
  name: string,
  graph: Graph,
  h: Tensor,
  options: { edge?: Tensor; activation?: Exclude<EdgeActivation, "tanh">; reduce?: "sum" | "mean" } = {},
): Tensor {
  const { activation = "silu", reduce = "sum" } = options;
  const edge = options.edge && linear(p, `${name}.edge.features`, options.edge);
  const ends = linear(p, `${name}.edge.nodes`, h);
  const first = edgeSum(ends, graph, { bias: p.at(`${name}.edge.bias`), edge, activation });
  const messages = linear(p, `${name}.edge.out`, first);
  const total = (reduce === "sum" ? segmentSum : segmentMean)(messages, graph.received);
  const hidden = linear(p, `${name}.node.in`, concat([h, total], 1), { activation });
  return linear(p, `${name}.node.out`, hidden, { residual: h });
}
