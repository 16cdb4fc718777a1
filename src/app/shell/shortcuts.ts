// The studio's keys: mod+K, ?, and "g" followed by a letter. Keys typed into a field are the field's.
import { useEffect, useRef } from "react";
import type { HASH } from "../router";

export const GO_KEYS = { g: "gallery", r: "runs", c: "gpu", a: "about" } as const satisfies Record<
  string,
  keyof typeof HASH
>;

export interface Actions {
  palette(): void;
  keys(): void;
  go(page: keyof typeof HASH): void;
}

export interface Key {
  key: string;
  hasMod: boolean;
  hasAlt: boolean;
}

/** What a key press means after the previous one: an action, the start of "g …", or nothing. */
export function readKey(
  press: Key,
  isAfterG: boolean,
): keyof Actions | (typeof GO_KEYS)[keyof typeof GO_KEYS] | "g" | undefined {
  if (press.hasAlt) return undefined;
  if (press.hasMod) return press.key.toLowerCase() === "k" ? "palette" : undefined;
  if (isAfterG)
    return Object.hasOwn(GO_KEYS, press.key) ? GO_KEYS[press.key as keyof typeof GO_KEYS] : undefined;
  if (press.key === "?") return "keys";
  return press.key === "g" ? "g" : undefined;
}

const FIELDS = "input, textarea, select, [contenteditable=true]";
/** How long "g" waits for its letter. */
const SEQUENCE_MS = 1200;

/** Listens while mounted. */
export function useShortcuts(actions: Actions): void {
  const latest = useRef(actions);
  latest.current = actions;
  useEffect(() => {
    let pressedG = Number.NEGATIVE_INFINITY;
    const onKey = (event: KeyboardEvent): void => {
      const press = { key: event.key, hasMod: event.metaKey || event.ctrlKey, hasAlt: event.altKey };
      const meaning = readKey(press, event.timeStamp - pressedG < SEQUENCE_MS);
      pressedG = Number.NEGATIVE_INFINITY;
      if (!meaning || event.defaultPrevented) return;
      if (!press.hasMod && event.target instanceof Element && event.target.closest(FIELDS)) return;
      if (meaning === "g") {
        pressedG = event.timeStamp;
        return;
      }
      event.preventDefault();
      if (meaning === "palette" || meaning === "keys") latest.current[meaning]();
      else if (meaning !== "go") latest.current.go(meaning);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}
