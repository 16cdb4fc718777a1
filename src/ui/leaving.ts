// Tells when a page may be about to stop: hidden, frozen or left. Browsers slow down, freeze or discard such a page without
// another word. It saves nothing itself.

/** Calls `save` at each such moment, until the result is called. `page` is the document, except in tests. */
export function onLeaving(
  save: () => void,
  page: EventTarget & { visibilityState: string } = document,
): () => void {
  const hidden = (): void => {
    if (page.visibilityState === "hidden") save();
  };
  page.addEventListener("visibilitychange", hidden);
  page.addEventListener("freeze", save);
  return () => {
    page.removeEventListener("visibilitychange", hidden);
    page.removeEventListener("freeze", save);
  };
}
