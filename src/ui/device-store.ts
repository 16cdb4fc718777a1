// The one place where sessions publish what device they run on and where the header reads it. It opens no device.
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import type { DeviceStatus } from "../base/device-status";
import { toRecord } from "../base/errors";

const UNKNOWN: DeviceStatus = {
  state: "unknown",
  name: "",
  detail: "No workflow has asked for the GPU yet.",
  bytesInUse: 0,
  bytesAllocated: 0,
};

export const deviceStore = createStore<DeviceStatus>(() => UNKNOWN);

/** Merges a change into the published status. Panels call it with what their session reports. */
export function publishDeviceStatus(change: Partial<DeviceStatus>): void {
  deviceStore.setState(change);
}

/** Tells what a failed call says about the device: missing (`gpu-*`) or lost; every other failure is not its matter. */
export function publishDeviceFailure(error: unknown): void {
  const { code, message } = toRecord(error);
  if (code.startsWith("gpu-"))
    publishDeviceStatus({ state: "missing", name: "", detail: message, bytesInUse: 0, bytesAllocated: 0 });
  if (code === "device-lost")
    publishDeviceStatus({ state: "lost", detail: message, bytesInUse: 0, bytesAllocated: 0 });
}

/** Tells that an adapter has answered; after a loss it is `recovered`, else `ok` or `software`. */
export function publishDeviceOpened(adapter: { name: string; description: string; software: boolean }): void {
  const healthy = adapter.software ? "software" : "ok";
  const state = deviceStore.getState().state === "lost" ? "recovered" : healthy;
  publishDeviceStatus({ state, name: adapter.name, detail: adapter.description });
}

/** The published status, re-rendering on change. */
export function useDeviceStatus(): DeviceStatus {
  return useStore(deviceStore);
}
