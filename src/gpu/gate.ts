// Asks for a device once, with the adapter's own limits, and puts every way this can fail into words.
import { NO_DEVICE } from "../base/device-status";
import { TesseraError } from "../base/errors";
import { formatBytes } from "../base/stats";

export interface AdapterSummary {
  /** Best name the platform gives, e.g. "Apple M3 Pro" or "llvmpipe (LLVM 15.0.6, 256 bits)". */
  name: string;
  vendor: string;
  architecture: string;
  description: string;
  /** True for a software rasteriser: right numbers, no speed. */
  software: boolean;
  features: readonly string[];
  limits: Readonly<Record<string, number>>;
}

export interface OpenOptions {
  /** Ask for the low-power adapter where there are two. */
  lowPower?: boolean;
  /** Use only what every WebGPU device offers (tests of the base line). */
  baseline?: boolean;
  /** A device of this page was lost before: no adapter then has another reason, and another remedy. */
  afterLoss?: boolean;
}

const OPTIONAL_FEATURES = ["shader-f16", "subgroups", "timestamp-query"] as const;

/** Limits that are raised to what the adapter offers. Everything else stays at WebGPU's default. */
const RAISED_LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
] as const;

/** What every kernel of Tessera may count on. */
const NEEDED: Readonly<Record<string, number>> = {
  maxStorageBufferBindingSize: 128 << 20,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeInvocationsPerWorkgroup: 256,
};

/**
 * Opens a device.
 * @throws TesseraError `gpu-missing` (no WebGPU here), `gpu-no-adapter` (blocked or absent),
 * `gpu-blocked` (none any more after a loss), `gpu-limits`
 * (too small), `gpu-refused` (the device could not be created).
 */
export async function requestDevice(
  gpu: GPU | undefined,
  options: OpenOptions = {},
): Promise<{ device: GPUDevice; adapter: AdapterSummary }> {
  if (!gpu) {
    const insecure = typeof isSecureContext !== "undefined" && !isSecureContext;
    throw new TesseraError("gpu-missing", insecure ? NO_DEVICE.insecure : NO_DEVICE.noWebGpu);
  }
  const adapter = await gpu.requestAdapter({
    powerPreference: options.lowPower ? "low-power" : "high-performance",
  });
  if (!adapter && options.afterLoss) throw new TesseraError("gpu-blocked", NO_DEVICE.afterLoss);
  if (!adapter) throw new TesseraError("gpu-no-adapter", NO_DEVICE.noAdapter);
  const limits = adapter.limits as unknown as Record<string, number>;
  const small = Object.entries(NEEDED).filter(([name, least]) => limits[name] < least);
  if (small.length) {
    const words = small.map(([name, least]) => `${name} is ${limits[name]}, ${least} is needed`).join("; ");
    throw new TesseraError("gpu-limits", `This GPU is too small for Tessera: ${words}.`, { limits: words });
  }
  const features = options.baseline ? [] : OPTIONAL_FEATURES.filter((f) => adapter.features.has(f));
  const requiredLimits = options.baseline
    ? {}
    : Object.fromEntries(
        RAISED_LIMITS.filter((name) => limits[name] !== undefined).map((name) => [name, limits[name]]),
      );
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({ requiredFeatures: features as GPUFeatureName[], requiredLimits });
  } catch (error) {
    throw new TesseraError(
      "gpu-refused",
      `The browser found a GPU but would not open it: ${(error as Error).message}. Close other tabs that use the GPU and reload.`,
    );
  }
  return { device, adapter: summarise(adapter, device) };
}

function summarise(adapter: GPUAdapter, device: GPUDevice): AdapterSummary {
  // Fields of `info` are optional in practice: browsers leave them out or empty.
  const info: Partial<GPUAdapterInfo> & { isFallbackAdapter?: boolean } =
    device.adapterInfo ?? adapter.info ?? {};
  const { vendor = "", architecture = "", description = "", device: deviceName = "" } = info;
  const name = description || deviceName || [vendor, architecture].filter(Boolean).join(" ") || "unnamed GPU";
  const software =
    info.isFallbackAdapter === true ||
    /swiftshader|llvmpipe|lavapipe|software|basic render/i.test(`${name} ${architecture}`);
  const limits = Object.fromEntries(
    [...RAISED_LIMITS].map((n) => [n, (device.limits as unknown as Record<string, number>)[n]]),
  );
  return { name, vendor, architecture, description, software, features: [...device.features].sort(), limits };
}

/** One line for a person: what kind of device this is and what it lacks. */
export function describeAdapter(adapter: AdapterSummary): string {
  const kind = adapter.software
    ? "software adapter: results are right, speed is not a GPU's"
    : "hardware GPU";
  const half = adapter.features.includes("shader-f16") ? "f16 storage" : "no f16 storage";
  return `${adapter.name} (${kind}; ${half}; tensors up to ${formatBytes(adapter.limits.maxStorageBufferBindingSize)})`;
}
