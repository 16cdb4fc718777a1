// Shows what is known of the adapter. It computes nothing yet and says so.
import type { ReactNode } from "react";
import { useDeviceStatus } from "../../ui/device-store";
import { Panel } from "../../ui/Panel";
import { EmptyState } from "../../ui/states";

export default function GpuPage(): ReactNode {
  const status = useDeviceStatus();
  return (
    <Panel title="Check my GPU" note={status.name || "No adapter has been opened"}>
      <EmptyState title="Nothing measured" why={`${status.detail} This build has no checks to run on it.`} />
    </Panel>
  );
}
