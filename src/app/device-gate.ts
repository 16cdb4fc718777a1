// What can be said about the GPU without opening it. The page never creates a device: devices live in the workers.
import { type DeviceStatus, NO_DEVICE } from "../base/device-status";

type Said = Pick<DeviceStatus, "state" | "name" | "detail">;

/** The status before any session has spoken: missing with the reason and the remedy, or unknown. */
export function gateStatus(hasGpu: boolean, isSecure: boolean): Said {
  if (!hasGpu) return missing(isSecure ? NO_DEVICE.noWebGpu : NO_DEVICE.insecure);
  return {
    state: "unknown",
    name: "",
    detail: "This browser has WebGPU. The GPU is opened when a workflow needs it.",
  };
}

/** Asks whether the browser would give an adapter: undefined when it would. A blocked GPU is told before any work. */
export async function adapterStatus(gpu: Pick<GPU, "requestAdapter">): Promise<Said | undefined> {
  return (await gpu.requestAdapter()) ? undefined : missing(NO_DEVICE.noAdapter);
}

const missing = (detail: string): Said => ({ state: "missing", name: "", detail });
