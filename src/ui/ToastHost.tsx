// Shows new toasts for a few seconds with Mantine's notifications; the kept ones are NotificationCentre's.
import { Anchor } from "@mantine/core";
import { Notifications, notifications } from "@mantine/notifications";
import "@mantine/notifications/styles.layer.css";
import { type ReactNode, useEffect } from "react";
import classes from "./ToastHost.module.css";
import { type Toast, toastStore } from "./toasts";

const COLOURS = { info: "lapis", good: "teal", warn: "yellow", error: "red" } as const;
const SHOWN_MS = { info: 5000, good: 3000, warn: 8000, error: 12_000 } as const;
/** Messages that came while this part of the page was still loading are shown late, unless they are older than this. */
const LATE_MS = 10_000;

export default function ToastHost(): ReactNode {
  useEffect(() => {
    const recent = toastStore.getState().history.filter((t) => !t.isRead && Date.now() - t.at < LATE_MS);
    for (const item of [...recent].reverse()) show(item);
    return toastStore.subscribe(({ history }, before) => {
      const newest = history[0];
      if (newest && newest !== before.history[0] && history.length >= before.history.length && !newest.isRead)
        show(newest);
    });
  }, []);
  return (
    <Notifications
      position="top-right"
      limit={4}
      containerWidth={360}
      classNames={{ root: classes.root }}
      zIndex={400}
    />
  );
}

function show(item: Toast): void {
  const { action } = item;
  const content = {
    id: item.id,
    title: item.title,
    color: COLOURS[item.tone],
    autoClose: action ? 12_000 : SHOWN_MS[item.tone],
    role: item.tone === "error" || item.tone === "warn" ? "alert" : "status",
    closeButtonProps: { "aria-label": "Dismiss this message" },
    message: (
      <>
        {item.message}
        {action && (
          <Anchor
            component="button"
            size="sm"
            fw={600}
            ml={8}
            onClick={() => {
              notifications.hide(item.id);
              action.run();
            }}
          >
            {action.label}
          </Anchor>
        )}
      </>
    ),
  };
  // A toast with the key of one on screen takes its place; showing the same id twice would do nothing.
  if (notifications.show(content) === item.id) notifications.update(content);
}
