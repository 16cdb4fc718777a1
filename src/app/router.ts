// The address of the page as data and back: `#/`, `#/w/<id>?name=value`, `#/runs`, `#/gpu`, `#/about`. It renders nothing.
import { useSyncExternalStore } from "react";

export type Page = "gallery" | "workflow" | "runs" | "gpu" | "about" | "unknown";

export interface Route {
  page: Page;
  /** The workflow, for page `workflow`. */
  id?: string;
  query: URLSearchParams;
}

const SIMPLE: Readonly<Record<string, Page>> = { "": "gallery", runs: "runs", gpu: "gpu", about: "about" };

/** Reads a hash with or without its `#`; what fits nothing is `unknown`, never an error. */
export function parseRoute(hash: string): Route {
  const [path, ...rest] = hash.replace(/^#/, "").split("?");
  const query = new URLSearchParams(rest.join("?"));
  const parts = path.split("/").filter((part) => part !== "");
  if (parts.length === 2 && parts[0] === "w") {
    try {
      return { page: "workflow", id: decodeURIComponent(parts[1]), query };
    } catch {
      return { page: "unknown", query };
    }
  }
  const page =
    parts.length <= 1 && Object.hasOwn(SIMPLE, parts[0] ?? "") ? SIMPLE[parts[0] ?? ""] : "unknown";
  return { page, query };
}

/** The hash of a workflow page; an empty query leaves no question mark behind. */
export function workflowHash(id: string, query: URLSearchParams = new URLSearchParams()): string {
  const text = query.toString();
  return `#/w/${encodeURIComponent(id)}${text ? `?${text}` : ""}`;
}

export const HASH = { gallery: "#/", runs: "#/runs", gpu: "#/gpu", about: "#/about" } as const;

/** Goes to another page and leaves a step to come back by. */
export function navigate(hash: string): void {
  location.hash = hash;
}

let current = typeof location === "undefined" ? "#/" : location.hash || "#/";
/** That of the last navigation: a page that renders again must not take its own rewriting for one. */
let shown = current;

/** Rewrites the address of this page without a step in the history and without a render. */
export function replaceHash(hash: string): void {
  if (location.hash === hash) return;
  history.replaceState(history.state, "", hash);
  current = location.hash || "#/"; // as the browser spells it
}

/** Whether the address has changed and the page has not heard of it yet: browsers tell in a later task. */
export function isNavigating(): boolean {
  return (location.hash || "#/") !== current;
}

function subscribe(onChange: () => void): () => void {
  const update = (): void => {
    current = location.hash || "#/";
    shown = current;
    onChange();
  };
  addEventListener("hashchange", update);
  return () => removeEventListener("hashchange", update);
}

/** The hash of the page; re-renders on navigation, not on rewrites by `replaceHash`. */
export function useHash(): string {
  return useSyncExternalStore(subscribe, () => shown);
}
