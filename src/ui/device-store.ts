// The one place where sessions publish what device they run on and where the header reads it. It opens no device.
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import type { DeviceStatus } from "../base/device-status";

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

/** The published status, re-rendering on change. */
export function useDeviceStatus(): DeviceStatus {
  return useStore(deviceStore);
}
