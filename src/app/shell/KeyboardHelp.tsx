// The list of keys, opened with "?". It must say what shortcuts.ts and the charts do.
import { Kbd, Modal } from "@mantine/core";
import type { ReactNode } from "react";
import { modKey } from "./Header";

const GROUPS: readonly { title: string; keys: readonly [string, string][] }[] = [
  {
    title: "Anywhere",
    keys: [
      ["mod K", "Search workflows, pages and commands"],
      ["?", "This list"],
      ["g g", "Workflows"],
      ["g r", "Runs"],
      ["g c", "Check my GPU"],
      ["g a", "About"],
    ],
  },
  {
    title: "In a chart or heat map",
    keys: [
      ["← → ↑ ↓", "Move the cursor and read values"],
      ["PgUp PgDn", "Move by a larger step"],
      ["Home End", "First or last column of a heat map"],
      ["Enter", "Choose the cell under the cursor"],
      ["Esc", "Put the cursor away"],
    ],
  },
];

export default function KeyboardHelp(props: { opened: boolean; onClose(): void }): ReactNode {
  return (
    <Modal
      opened={props.opened}
      onClose={props.onClose}
      title="Keyboard"
      size={460}
      closeButtonProps={{ "aria-label": "Close the list of keys" }}
    >
      {GROUPS.map((group) => (
        <section key={group.title} style={{ marginBottom: 16 }}>
          <h3 style={{ margin: "0 0 6px", fontSize: 12, color: "var(--t-quiet)" }}>{group.title}</h3>
          <dl
            style={{
              display: "grid",
              gridTemplateColumns: "150px 1fr",
              gap: "8px 12px",
              margin: 0,
              fontSize: 13,
            }}
          >
            {group.keys.map(([keys, words]) => (
              <div key={keys} style={{ display: "contents" }}>
                <dt style={{ display: "flex", gap: 4 }}>
                  {keys.split(" ").map((key, i) => (
                    // biome-ignore lint/suspicious/noArrayIndexKey: the same key may come twice
                    <Kbd key={i} size="xs">
                      {key === "mod" ? modKey() : key}
                    </Kbd>
                  ))}
                </dt>
                <dd style={{ margin: 0 }}>{words}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </Modal>
  );
}
