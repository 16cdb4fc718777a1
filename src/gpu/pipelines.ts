// Compiles kernels once: pipelines are cached by the final shader text and constants, and failed entries are evicted.
import { TesseraError } from "../base/errors";
import { type KernelSource, type Linked, type LinkOptions, link } from "./link";
import { type Reflection, reflect } from "./reflect";

/** A shader with its types and constants settled; `key` identifies the final text. */
export interface Kernel {
  readonly file: string;
  readonly linked: Linked;
  readonly reflection: Reflection;
  readonly key: string;
}
export interface Compiled {
  kernel: Kernel;
  pipeline: GPUComputePipeline;
  layout: GPUBindGroupLayout;
}

const kernels = new WeakMap<KernelSource, Map<string, Kernel>>();

/** Links and reflects; the same source and options give the same object. No device is needed. */
export function kernel(source: KernelSource, options: LinkOptions = {}): Kernel {
  const variants = kernels.get(source) ?? new Map<string, Kernel>();
  kernels.set(source, variants);
  const request = JSON.stringify(options);
  let found = variants.get(request);
  if (!found) {
    const linked = link(source, options);
    const key = `${source.file}#${hashText(linked.text + JSON.stringify(linked.overrides))}`;
    found = { file: source.file, linked, reflection: reflect(linked.text, source.file), key };
    variants.set(request, found);
  }
  return found;
}

/** 53-bit text hash (cyrb53 mixing), enough to tell kernels apart; the cache itself compares whole texts. */
export function hashText(text: string): string {
  let h1 = 0xdeadbeef;
  let h2 = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    h1 = Math.imul(h1 ^ code, 2654435761);
    h2 = Math.imul(h2 ^ code, 1597334677);
  }
  h1 = Math.imul(h1 ^ (h1 >>> 16), 2246822507) ^ Math.imul(h2 ^ (h2 >>> 13), 3266489909);
  h2 = Math.imul(h2 ^ (h2 >>> 16), 2246822507) ^ Math.imul(h1 ^ (h1 >>> 13), 3266489909);
  return (4294967296 * (2097151 & h2) + (h1 >>> 0)).toString(36);
}

export class PipelineCache {
  private readonly entries = new Map<string, Promise<Compiled>>();
  private readonly ready = new Map<string, Compiled>();
  compiledCount = 0;

  constructor(private readonly device: GPUDevice) {}

  /** The pipeline when it is already compiled. */
  peek(kernel: Kernel): Compiled | undefined {
    return this.ready.get(cacheKey(kernel));
  }

  /** @throws TesseraError `shader` naming the author's file and line; `device-lost` is raised by the caller. */
  get(kernel: Kernel): Promise<Compiled> {
    const key = cacheKey(kernel);
    let entry = this.entries.get(key);
    if (!entry) {
      entry = this.compile(kernel).then((compiled) => {
        this.ready.set(key, compiled);
        this.compiledCount++;
        return compiled;
      });
      entry.catch(() => this.entries.delete(key));
      this.entries.set(key, entry);
    }
    return entry;
  }

  private async compile(kernel: Kernel): Promise<Compiled> {
    const { device } = this;
    const { storage, uniform, entry } = kernel.reflection;
    device.pushErrorScope("validation"); // a broken shader is reported below, with the author's lines
    const module = device.createShaderModule({ code: kernel.linked.text, label: kernel.file });
    void device.popErrorScope().catch(() => {});
    const info = await module.getCompilationInfo();
    const errors = info.messages.filter((m) => m.type === "error");
    if (errors.length) throw shaderError(kernel, errors);
    const entries: GPUBindGroupLayoutEntry[] = storage.map((s) => ({
      binding: s.binding,
      visibility: COMPUTE_STAGE,
      buffer: { type: s.writes ? "storage" : "read-only-storage" },
    }));
    if (uniform)
      entries.push({ binding: uniform.binding, visibility: COMPUTE_STAGE, buffer: { type: "uniform" } });
    const layout = device.createBindGroupLayout({ entries, label: kernel.file });
    try {
      const pipeline = await device.createComputePipelineAsync({
        label: kernel.file,
        layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: entry, constants: { ...kernel.linked.overrides } },
      });
      return { kernel, pipeline, layout };
    } catch (error) {
      throw new TesseraError(
        "shader",
        `The pipeline could not be built: ${(error as Error).message}. In shaders/${kernel.file}`,
        {
          file: kernel.file,
        },
      );
    }
  }
}

// GPUShaderStage.COMPUTE: the namespace object does not exist in Node.
const COMPUTE_STAGE = 4;

const cacheKey = (kernel: Kernel): string =>
  `${JSON.stringify(kernel.linked.overrides)}\n${kernel.linked.text}`;

function shaderError(kernel: Kernel, messages: readonly GPUCompilationMessage[]): TesseraError {
  const lines = messages.map((m) => {
    const at = kernel.linked.origin[m.lineNum - 1];
    return `shaders/${at?.file ?? kernel.file}:${at?.line ?? m.lineNum}:${m.linePos} ${m.message}`;
  });
  return new TesseraError("shader", `The shader does not compile. ${lines.join("\n")}`, {
    file: kernel.file,
    messages: lines,
  });
}
