// Short messages to the user: shown for a few seconds and kept, so that they can be read again. It draws nothing
// itself; ToastHost shows the live ones and NotificationCentre the kept ones.
import { createStore } from "zustand/vanilla";
import { toRecord } from "../base/errors";

export type Tone = "info" | "good" | "warn" | "error";

export interface ToastOptions {
  title?: string;
  action?: { label: string; run(): void };
  /** A later toast with the same key takes the place of this one. */
  key?: string;
}

export interface Toast extends ToastOptions {
  id: string;
  tone: Tone;
  message: string;
  /** Milliseconds since 1970. */
  at: number;
  isRead: boolean;
}

interface ToastState {
  /** Newest first, at most `KEPT`. */
  history: readonly Toast[];
}

const KEPT = 100;
let next = 1;

export const toastStore = createStore<ToastState>(() => ({ history: [] }));

function add(tone: Tone, message: string, options: ToastOptions = {}): string {
  const id = options.key ?? `toast-${next++}`;
  const item: Toast = { ...options, id, tone, message, at: Date.now(), isRead: false };
  toastStore.setState(({ history }) => ({
    history: [item, ...history.filter((t) => t.id !== id)].slice(0, KEPT),
  }));
  return id;
}

/** Each shows a message and returns its id. Errors may be given as thrown. */
export const toast = {
  info: (message: string, options?: ToastOptions): string => add("info", message, options),
  good: (message: string, options?: ToastOptions): string => add("good", message, options),
  warn: (message: string, options?: ToastOptions): string => add("warn", message, options),
  error: (error: unknown, options?: ToastOptions): string =>
    add("error", typeof error === "string" ? error : toRecord(error).message, options),
};

/** Marks all kept messages as read. */
export function readToasts(): void {
  toastStore.setState(({ history }) => ({ history: history.map((t) => ({ ...t, isRead: true })) }));
}

/** Forgets all kept messages. */
export function clearToasts(): void {
  toastStore.setState({ history: [] });
}
