// A small question mark that explains one thing on hover, focus or touch. For more than two sentences, link to a page.
import { ActionIcon, Tooltip } from "@mantine/core";
import { IconInfoCircle } from "@tabler/icons-react";
import type { ReactNode } from "react";

/** `about` names the thing explained, for those who do not see the tooltip. */
export function Help(props: { about: string; children: string }): ReactNode {
  return (
    <Tooltip label={props.children}>
      <ActionIcon
        size={18}
        radius="xl"
        aria-label={`${props.about}: ${props.children}`}
        style={{ cursor: "help" }}
      >
        <IconInfoCircle size={14} stroke={1.6} aria-hidden />
      </ActionIcon>
    </Tooltip>
  );
}
