// ONNX Runtime Web (WebGPU) as a contestant, with CPU fallback forbidden. The graphs are written here, byte by byte.
import { type BenchCase, type Contestant, isKernel, type KernelOp } from "../page/contestant";
import { channelsLast, channelsSecond } from "../page/layout";

// A protobuf writer that knows two wire types is all an ONNX file needs.
const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...varint(Math.floor(value / 128))];
const bytes = (field: number, content: readonly number[]): number[] => [
  ...varint(field * 8 + 2),
  ...varint(content.length),
  ...content,
];
const text = (field: number, value: string): number[] => bytes(field, [...new TextEncoder().encode(value)]);
const number = (field: number, value: number): number[] => [...varint(field * 8), ...varint(value)];
const float = (field: number, value: number): number[] => [
  ...varint(field * 8 + 5),
  ...new Uint8Array(new Float32Array([value]).buffer),
];

const value = (field: number, name: string, shape: readonly number[]): number[] => {
  const dims = shape.flatMap((n) => bytes(1, number(1, n)));
  return bytes(field, [...text(1, name), ...bytes(2, bytes(1, [...number(1, 1), ...bytes(2, dims)]))]);
};
type Attribute = { name: string; i?: number; f?: number; ints?: number[] };
const attribute = ({ name, i, f, ints }: Attribute): number[] => {
  if (i !== undefined) return bytes(5, [...text(1, name), ...number(3, i), ...number(20, 2)]);
  if (f !== undefined) return bytes(5, [...text(1, name), ...float(2, f), ...number(20, 1)]);
  return bytes(5, [...text(1, name), ...(ints ?? []).flatMap((n) => number(8, n)), ...number(20, 7)]);
};
const node = (op: string, inputs: string[], outputs: string[], attributes: Attribute[] = []): number[] =>
  bytes(1, [
    ...inputs.flatMap((n) => text(1, n)),
    ...outputs.flatMap((n) => text(2, n)),
    ...text(4, op),
    ...attributes.flatMap(attribute),
  ]);

interface Graph {
  nodes: number[];
  inputs: Record<string, number[]>;
  output: number[];
}

function graphOf(item: BenchCase<KernelOp>): Graph {
  const [a, b, c] = item.dims;
  switch (item.op) {
    case "matmul":
      return { nodes: node("MatMul", ["x", "y"], ["out"]), inputs: { x: [a, b], y: [b, c] }, output: [a, c] };
    case "softmax":
      return {
        nodes: node("Softmax", ["x"], ["out"], [{ name: "axis", i: 1 }]),
        inputs: { x: [a, b] },
        output: [a, b],
      };
    case "layernorm":
      return {
        nodes: node(
          "LayerNormalization",
          ["x", "w", "b"],
          ["out"],
          [
            { name: "axis", i: 1 },
            { name: "epsilon", f: 1e-5 },
          ],
        ),
        inputs: { x: [a, b], w: [b], b: [b] },
        output: [a, b],
      };
    case "attention": {
      // The Attention op falls back to the CPU there, so the composite is what runs on the GPU.
      const nodes = [
        ...node("Transpose", ["k"], ["kt"], [{ name: "perm", ints: [0, 2, 1] }]),
        ...node("MatMul", ["q", "kt"], ["s"]),
        ...node("Mul", ["s", "scale"], ["ss"]),
        ...node("Softmax", ["ss"], ["p"], [{ name: "axis", i: 2 }]),
        ...node("MatMul", ["p", "v"], ["out"]),
      ];
      return { nodes, inputs: { q: [a, b, c], k: [a, b, c], v: [a, b, c], scale: [1] }, output: [a, b, c] };
    }
    case "conv":
      return {
        nodes: node(
          "Conv",
          ["x", "w"],
          ["out"],
          [
            { name: "kernel_shape", ints: [3, 3] },
            { name: "pads", ints: [1, 1, 1, 1] },
          ],
        ),
        inputs: { x: [1, b, a, a], w: [c, b, 3, 3] },
        output: [1, c, a, a],
      };
  }
}

function encode(graph: Graph): Uint8Array {
  const inputs = Object.entries(graph.inputs).flatMap(([name, shape]) => value(11, name, shape));
  const body = [...graph.nodes, ...text(2, "bench"), ...inputs, ...value(12, "out", graph.output)];
  return new Uint8Array([
    ...number(1, 8),
    ...bytes(7, body),
    ...bytes(8, [...text(1, ""), ...number(2, 17)]),
  ]);
}

/** What the graph's inputs hold: the scale of attention besides, and channels second in a convolution. */
function dataOf({ op, inputs, dims: [a, b, c] }: BenchCase): readonly Float32Array[] {
  if (op === "attention") return [...inputs, new Float32Array([1 / Math.sqrt(c)])];
  if (op !== "conv") return inputs;
  return [channelsSecond(inputs[0], [1, a, a, b]), channelsSecond(inputs[1], [c, 3, 3, b])];
}

export async function contestant(wasmFolder: string): Promise<Contestant> {
  const ort = await import("onnxruntime-web/webgpu");
  ort.env.wasm.wasmPaths = wasmFolder;
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  return {
    name: "ONNX Runtime Web",
    async prepare(item) {
      if (!isKernel(item)) throw new Error("it runs graphs forward; training is another package");
      const graph = graphOf(item);
      const session = await ort.InferenceSession.create(encode(graph), {
        executionProviders: ["webgpu"],
        preferredOutputLocation: "gpu-buffer",
        extra: { session: { disable_cpu_ep_fallback: "1" } },
      });
      const device = (await ort.env.webgpu.device) as GPUDevice;
      const upload = (values: Float32Array, shape: number[]) => {
        const buffer = device.createBuffer({ size: values.byteLength, usage: 0x80 | 0x8 | 0x4 });
        device.queue.writeBuffer(buffer, 0, values as Float32Array<ArrayBuffer>);
        return ort.Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims: shape });
      };
      const data = dataOf(item);
      const feeds = Object.fromEntries(
        Object.entries(graph.inputs).map(([name, shape], i) => [name, upload(data[i], shape)]),
      );
      return {
        async run() {
          const { out } = await session.run(feeds);
          await device.queue.onSubmittedWorkDone();
          out.dispose();
        },
        async result() {
          const { out } = await session.run(feeds);
          const values = (await out.getData(true)) as Float32Array;
          return item.op === "conv"
            ? channelsLast(values, [1, item.dims[0], item.dims[0], item.dims[2]])
            : values;
        },
        dispose: () => void session.release(),
      };
    },
  };
}
