// Counts as work under way while it is mounted, so that a lazy part on its way keeps the page from looking idle.
import { type ReactNode, useLayoutEffect } from "react";
import { busy } from "../../base/idle";

/** Draws nothing. */
export function WaitMark(): ReactNode {
  useLayoutEffect(() => busy(), []);
  return null;
}
