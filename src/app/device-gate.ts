// What can be said about the GPU without opening it. The page never creates a device: devices live in the workers.
import type { DeviceStatus } from "../base/device-status";

/** The status before any session has spoken: missing with the reason and the remedy, or unknown. */
export function gateStatus(
  hasGpu: boolean,
  isSecure: boolean,
): Pick<DeviceStatus, "state" | "name" | "detail"> {
  if (hasGpu) {
    return {
      state: "unknown",
      name: "",
      detail: "This browser has WebGPU. The GPU is opened when a workflow needs it.",
    };
  }
  if (!isSecure) {
    return {
      state: "missing",
      name: "",
      detail: "WebGPU needs a secure page, and this one is not. Open it through https or localhost.",
    };
  }
  return {
    state: "missing",
    name: "",
    detail:
      "This browser has no WebGPU, so no experiment can run. Use Chrome or Edge 113 or newer, Safari 26 or newer, or Firefox 145 or newer; on Linux, WebGPU may have to be switched on in the browser's flags.",
  };
}
