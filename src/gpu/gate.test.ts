// The device gate on pretended browsers: every way to fail has its own code and words.
import { expect, test } from "vitest";
import { describeAdapter, requestDevice } from "./gate";

const limits = {
  maxBufferSize: 1 << 30,
  maxStorageBufferBindingSize: 1 << 30,
  maxStorageBuffersPerShaderStage: 10,
  maxComputeWorkgroupStorageSize: 32_768,
  maxComputeInvocationsPerWorkgroup: 1024,
  maxComputeWorkgroupSizeX: 1024,
  maxComputeWorkgroupSizeY: 1024,
};
interface Pretended {
  limits?: Partial<typeof limits>;
  features?: string[];
  info?: Record<string, unknown>;
  refuse?: string;
}
/** A `navigator.gpu` that answers as told and notes what the device was asked for. */
function browser(adapter: Pretended | null) {
  const asked: GPUDeviceDescriptor[] = [];
  const gpu = {
    requestAdapter: async () =>
      adapter && {
        limits: { ...limits, ...adapter.limits },
        features: new Set(adapter.features ?? []),
        info: adapter.info ?? {},
        requestDevice: async (descriptor: GPUDeviceDescriptor) => {
          if (adapter.refuse) throw new Error(adapter.refuse);
          asked.push(descriptor);
          return { limits: descriptor.requiredLimits, features: new Set(descriptor.requiredFeatures) };
        },
      },
  };
  return { gpu: gpu as unknown as GPU, asked };
}

test("no WebGPU at all", async () => {
  await expect(requestDevice(undefined)).rejects.toMatchObject({
    code: "gpu-missing",
    message: expect.stringContaining("This browser has no WebGPU"),
  });
});

test("blocked or absent GPU", async () => {
  await expect(requestDevice(browser(null).gpu)).rejects.toMatchObject({
    code: "gpu-no-adapter",
    message: expect.stringContaining("block list"),
  });
});

test("no adapter after a loss has another remedy", async () => {
  await expect(requestDevice(browser(null).gpu, { afterLoss: true })).rejects.toMatchObject({
    code: "gpu-blocked",
    message: expect.stringContaining("Reload the page"),
  });
});

test("limits below the base line are named with both numbers", async () => {
  const { gpu } = browser({ limits: { maxStorageBuffersPerShaderStage: 4 } });
  await expect(requestDevice(gpu)).rejects.toMatchObject({
    code: "gpu-limits",
    message: "This GPU is too small for Tessera: maxStorageBuffersPerShaderStage is 4, 8 is needed.",
  });
});

test("a device that cannot be created", async () => {
  await expect(requestDevice(browser({ refuse: "too many devices" }).gpu)).rejects.toMatchObject({
    code: "gpu-refused",
    message: expect.stringContaining("too many devices"),
  });
});

test("the adapter's own limits and the optional features are asked for, and nothing else", async () => {
  const { gpu, asked } = browser({ features: ["shader-f16", "texture-compression-bc"] });
  await requestDevice(gpu);
  expect(asked[0].requiredFeatures).toEqual(["shader-f16"]);
  expect(asked[0].requiredLimits).toEqual(limits);
  await requestDevice(gpu, { baseline: true });
  expect([asked[1].requiredFeatures, asked[1].requiredLimits]).toEqual([[], {}]);
});

test("a software fallback is named as one, also when the browser leaves fields of the info out", async () => {
  const { adapter } = await requestDevice(browser({ info: { isFallbackAdapter: true } }).gpu);
  expect(adapter.software).toBe(true);
  expect(describeAdapter(adapter)).toBe(
    "unnamed GPU (software adapter: results are right, speed is not a GPU's; no f16 storage; tensors up to 1.0 GiB)",
  );
});
