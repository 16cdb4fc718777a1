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
