// A page that is hidden or frozen says so; one that is shown again does not, nor one that is not watched any more.
import { expect, test } from "vitest";
import { onLeaving } from "./leaving";

test("saves when hidden and when frozen, not when shown", () => {
  const page = Object.assign(new EventTarget(), { visibilityState: "visible" });
  let saves = 0;
  const stop = onLeaving(() => saves++, page);
  const seen = ["hidden", "visible", "hidden"].map((state) => {
    page.visibilityState = state;
    page.dispatchEvent(new Event("visibilitychange"));
    return saves;
  });
  expect(seen).toEqual([1, 1, 2]);
  page.dispatchEvent(new Event("freeze"));
  expect(saves).toBe(3);
  stop();
  page.dispatchEvent(new Event("freeze"));
  page.dispatchEvent(new Event("visibilitychange"));
  expect(saves).toBe(3);
});
