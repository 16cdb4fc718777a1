// What an address leads to that no page answers.
import { VisuallyHidden } from "@mantine/core";
import type { ReactNode } from "react";
import { EmptyState } from "../../ui/states";
import { HASH, navigate } from "../router";

/** `what` completes the sentence "There is no …". */
export function NotFound(props: { what: string }): ReactNode {
  return (
    <>
      <VisuallyHidden component="h1">Not found</VisuallyHidden>
      <EmptyState
        title="Not found"
        why={`There is no ${props.what.replace(/^an? /, "")}. The link may come from another version of Tessera.`}
        action={{ label: "To the gallery", run: () => navigate(HASH.gallery) }}
      />
    </>
  );
}
