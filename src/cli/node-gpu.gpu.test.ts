// Dawn in Node: the driver that was asked for is the one that answers, and a missing one is told in words.
import { expect, test } from "vitest";
import { requestDevice } from "../gpu/gate";
import { openNodeGpu } from "./node-gpu";

test("the adapter of this run gives a device", async () => {
  const { gpu, driver, description } = await openNodeGpu();
  const { device, adapter } = await requestDevice(gpu);
  console.info(`adapter: ${description}`);
  if (driver !== "system") expect(adapter.software).toBe(true);
  expect(description).toContain(adapter.name);
  device.destroy();
});

test("one process opens Dawn once for each kind of adapter", async () => {
  expect(await openNodeGpu()).toBe(await openNodeGpu());
});

test("an unknown TESSERA_ADAPTER is refused by name", () => {
  const before = process.env.TESSERA_ADAPTER;
  process.env.TESSERA_ADAPTER = "cuda";
  try {
    expect(() => openNodeGpu()).toThrow('TESSERA_ADAPTER must be auto, lavapipe or swiftshader, got "cuda"');
  } finally {
    if (before === undefined) delete process.env.TESSERA_ADAPTER;
    else process.env.TESSERA_ADAPTER = before;
  }
});
