// The menu of everything a view or a run can be saved as. It knows no format: each item runs its own export.
import { Button, Menu } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { Fragment, type ReactNode, useState } from "react";
import { busy } from "../base/idle";
import { toast } from "./toasts";

export interface ExportItem {
  label: string;
  /** Heading above the first item of a group; items of a group stand together. */
  group?: string;
  hint?: string;
  run(): void | Promise<void>;
  /** Why it cannot be used now. */
  disabled?: string;
}

/** A failing export is told as a toast with the item's name. */
export function ExportMenu(props: { items: readonly ExportItem[]; label?: string }): ReactNode {
  const [isRunning, setRunning] = useState(false);
  const start = async (item: ExportItem): Promise<void> => {
    const end = busy();
    setRunning(true);
    try {
      await item.run();
    } catch (error) {
      toast.error(error, { title: `${item.label} was not saved` });
    } finally {
      setRunning(false);
      end();
    }
  };
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button variant="default" loading={isRunning} leftSection={<IconDownload size={14} aria-hidden />}>
          {props.label ?? "Export"}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {props.items.map((item, i) => (
          <Fragment key={item.label}>
            {item.group !== undefined && item.group !== props.items[i - 1]?.group && (
              <Menu.Label>{item.group}</Menu.Label>
            )}
            <Menu.Item disabled={item.disabled !== undefined} onClick={() => void start(item)}>
              {item.label}
              {(item.disabled ?? item.hint) && (
                <div style={{ fontSize: 12, color: "var(--t-quiet)" }}>{item.disabled ?? item.hint}</div>
              )}
            </Menu.Item>
          </Fragment>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
