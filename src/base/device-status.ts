// What the studio shows about the GPU a session runs on. Data only: it opens no device and asks for none.

/**
 * `unknown` before anything was asked, `ok` and `software` after an adapter was opened, `missing` when there is none,
 * `lost` after a device loss and `recovered` once a new device has taken over.
 */
export type DeviceState = "unknown" | "opening" | "ok" | "software" | "missing" | "lost" | "recovered";

export interface DeviceStatus {
  state: DeviceState;
  /** Adapter name as the browser tells it, or an empty text. */
  name: string;
  /** One or two sentences: what is the case and what to do. */
  detail: string;
  /** Bytes of buffers that hold live data. */
  bytesInUse: number;
  /** Bytes taken from the device, the pool included; never less than `bytesInUse`. */
  bytesAllocated: number;
}

const LINUX_HINT =
  "On Linux, Chrome turns WebGPU on by default only for some GPUs: open chrome://flags, enable “Unsafe WebGPU Support” and “Vulkan”, and restart; in Firefox set dom.webgpu.enabled in about:config.";

/** Why there is no GPU to work on, and what to do: the same words on the page and from a worker. */
export const NO_DEVICE = {
  insecure:
    "WebGPU needs a secure page (https or localhost), and this page is neither. Open it through localhost or https.",
  noWebGpu: `This browser has no WebGPU. Use Chrome or Edge 113+, Safari 26+, or Firefox 141+ (Windows) / 145+ (macOS). ${LINUX_HINT}`,
  noAdapter: `WebGPU is here, but the browser offers no GPU: the driver is missing, too old, or on the browser's block list. Look at chrome://gpu for the reason, update the graphics driver, then restart the browser. ${LINUX_HINT}`,
  afterLoss:
    "The browser gives this page no GPU any more: it blocks pages after the GPU was lost twice in a short time. Reload the page; if that does not help, wait two minutes or restart the browser.",
} as const;
