// Run records of all workflows.
import type { ReactNode } from "react";
import { EmptyState } from "../../ui/states";
export default function RunsPage(): ReactNode {
  return <EmptyState title="No runs yet" why="Runs are kept here." />;
}
