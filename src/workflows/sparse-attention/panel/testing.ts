// A session that the test drives: each call waits until the test answers it. Made-up figures; for tests only.
import { defaults } from "../../../base/params";
import type { CallOptions } from "../../../rpc/client";
import type {
  Analysis,
  AttentionEvents,
  AttentionService,
  BlockMap,
  DeviceInfo,
  HeadResult,
  InputInfo,
  TimeRow,
} from "../protocol";
import { params, type Settings } from "../protocol-params";
import type { LabClient } from "./store";

type Method = keyof AttentionService;

/** One call that the store has made and the session has not answered yet. */
export interface OpenCall {
  method: Method;
  request: unknown;
  options: CallOptions<AttentionEvents>;
  answer(value: unknown): Promise<void>;
  fail(error: unknown): Promise<void>;
  emit<Name extends keyof AttentionEvents>(name: Name, data: AttentionEvents[Name]): void;
}

export interface FakeClient {
  client: LabClient;
  calls: OpenCall[];
  /** The oldest open call of this method; fails the test when there is none. */
  next(method: Method): OpenCall;
  /** Lets a waiting `pause` take effect. */
  held(): Promise<void>;
  resumes: number;
  terminated: string[];
}

/** Lets everything that waits on settled promises run. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export function fakeClient(): FakeClient {
  const pauses: (() => void)[] = [];
  const fake: FakeClient = {
    calls: [],
    resumes: 0,
    terminated: [],
    next(method) {
      const at = fake.calls.findIndex((call) => call.method === method);
      if (at < 0)
        throw new Error(`No call of ${method} is open; open: ${fake.calls.map((c) => c.method).join(", ")}`);
      return fake.calls.splice(at, 1)[0];
    },
    async held() {
      for (const go of pauses.splice(0)) go();
      await settle();
    },
    client: {
      call: ((method: Method, request: unknown, options: CallOptions<AttentionEvents> = {}) =>
        new Promise<unknown>((resolve, reject) => {
          fake.calls.push({
            method,
            request,
            options,
            async answer(value) {
              resolve(value);
              await settle();
            },
            async fail(error) {
              reject(error);
              await settle();
            },
            emit: (name, data) => options.onEvent?.({ name, data } as never),
          });
        })) as LabClient["call"],
      pause: () => new Promise((resolve) => pauses.push(resolve)),
      resume() {
        fake.resumes++;
      },
      terminate: (reason = "") => void fake.terminated.push(reason),
    },
  };
  return fake;
}

export const FILE = { kind: "file", blob: new Blob(["x"]), name: "qkv.safetensors" } as const;

export const SETTINGS: Settings = defaults(params);

export const DEVICE: DeviceInfo = {
  name: "test adapter",
  description: "test adapter, no real device",
  software: true,
  features: [],
  bytesInUse: 10,
  bytesAllocated: 20,
  isLost: false,
};

/** An input of `layers` triples "layer 0", … with two heads of 256 tokens: 3 frames of 8 x 8 and 64 of text. */
export function inputInfo(layers = 1): InputInfo {
  const triples = Array.from({ length: layers }, (_, layer) => ({
    id: `layer ${layer}`,
    step: null,
    layer,
    names: { q: `l${layer}.q`, k: `l${layer}.k`, v: `l${layer}.v` },
    heads: 2,
    batch: 1,
    length: 256,
    dim: 16,
    dtype: "F32",
  }));
  return {
    name: "qkv.safetensors",
    synthetic: false,
    bytes: 1000,
    pattern: "l{layer}.{role}",
    triples,
    tensors: [],
    grid: { frames: 3, height: 8, width: 8, text: 64, known: true, from: "metadata" },
    metadata: {},
  };
}

export function head(layer: number, number: number, change: Partial<HeadResult> = {}): HeadResult {
  return {
    triple: `layer ${layer}`,
    step: null,
    layer,
    head: number,
    tier: 0,
    sparsity: 0.8,
    kept: 0.25,
    skipped: 0.75,
    uniformRecall: 0.9,
    recall: 0.9,
    lseRecall: 0.9,
    massError: 1e-5,
    outputError: 0.1,
    maxError: 0.2,
    bound: 0.8,
    boundUse: 0.25,
    rows: 256,
    redone: 0,
    times: { denseMs: 4, searchMs: 2, selectMs: 1, sparseMs: 1 },
    ...change,
  };
}

export function analysis(heads: HeadResult[]): Analysis {
  return {
    settings: SETTINGS,
    grid: inputInfo().grid,
    heads,
    summary: { recall: 0.9, kept: 0.25, skipped: 0.75, outputError: 0.1, heads: heads.length },
    rows: 256,
    length: 256,
    blocks: { rows: 4, keys: 4, side: 64 },
    device: DEVICE,
    seconds: 1,
    notes: [],
  };
}

/** A map of 4 x 4 blocks of 64: frames 0 to 2, then text. */
export function blockMap(layer: number, number: number, change: Partial<BlockMap> = {}): BlockMap {
  return {
    triple: `layer ${layer}`,
    head: number,
    rows: 4,
    keys: 4,
    side: 64,
    mass: Float32Array.from({ length: 16 }, (_, i) => i + 1),
    kept: Uint8Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 1 : 0)),
    rowBlocks: Uint32Array.of(0, 1, 2, 3),
    boundaries: [
      { at: 1, label: "frame 1" },
      { at: 2, label: "frame 2" },
      { at: 3, label: "text" },
    ],
    boxes: Int32Array.of(
      ...[0, 0, 0, 7, 0, 7],
      ...[1, 1, 0, 7, 0, 7],
      ...[2, 2, 0, 7, 0, 7],
      ...[-1, -1, -1, -1, -1, -1],
    ),
    grid: inputInfo().grid,
    length: 256,
    order: "raster",
    ...change,
  };
}

export function time(
  name: TimeRow["name"],
  skipped: number | null,
  ms: number,
  theoretical: number,
): TimeRow {
  return { name, skipped, ms, minMs: ms, share: ms / 10, theoretical, tflops: 1 };
}
