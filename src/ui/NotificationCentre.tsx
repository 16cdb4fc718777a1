// The list of all messages since the page was opened, newest first, so that none is lost when its toast fades.
import { Button, Drawer } from "@mantine/core";
import { type ReactNode, useEffect } from "react";
import { useStore } from "zustand";
import classes from "./NotificationCentre.module.css";
import { EmptyState } from "./states";
import { clearToasts, readToasts, toastStore } from "./toasts";

export default function NotificationCentre(props: { opened: boolean; onClose(): void }): ReactNode {
  const history = useStore(toastStore, (state) => state.history);
  const { opened } = props;
  useEffect(() => {
    if (opened && history.some((t) => !t.isRead)) readToasts();
  }, [opened, history]);
  return (
    <Drawer
      opened={opened}
      onClose={props.onClose}
      position="right"
      size={380}
      title="Messages"
      closeButtonProps={{ "aria-label": "Close the messages" }}
    >
      {history.length === 0 ? (
        <EmptyState
          title="No messages"
          why="Notes, warnings and errors since you opened the page are kept here."
        />
      ) : (
        <>
          <ul className={classes.list}>
            {history.map((item) => (
              <li key={item.id + item.at} className={classes.item} data-tone={item.tone}>
                {item.title && <div className={classes.title}>{item.title}</div>}
                <div className={classes.message}>{item.message}</div>
                <div className={classes.line}>
                  <time dateTime={new Date(item.at).toISOString()}>
                    {new Date(item.at).toLocaleTimeString()}
                  </time>
                  {item.action && (
                    <Button variant="subtle" size="compact-xs" onClick={item.action.run}>
                      {item.action.label}
                    </Button>
                  )}
                </div>
              </li>
            ))}
          </ul>
          <Button variant="default" mt="md" onClick={clearToasts}>
            Clear all
          </Button>
        </>
      )}
    </Drawer>
  );
}
