// What the page is told about the device: plain data from the open device. It opens nothing.
import { describeAdapter } from "../../../gpu/gate";
import type { Gpu } from "../../../gpu/gpu";
import type { DeviceInfo } from "../protocol";

export function deviceInfo(gpu: Gpu): DeviceInfo {
  const { name, software, features } = gpu.adapter;
  const { liveBytes, allocatedBytes } = gpu.pool.stats();
  return {
    name,
    description: describeAdapter(gpu.adapter),
    software,
    features,
    bytesInUse: liveBytes,
    bytesAllocated: allocatedBytes,
    isLost: gpu.isLost,
  };
}
