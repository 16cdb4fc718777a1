// Messages are kept, replaced by key, read and forgotten; and the address tells which run to resume.
import { beforeEach, expect, test } from "vitest";
import { TesseraError } from "../base/errors";
import { resumeId } from "./resume";
import { clearToasts, readToasts, toast, toastStore } from "./toasts";

beforeEach(clearToasts);
const messages = (): string[] => toastStore.getState().history.map((t) => t.message);

test("the newest comes first and a key replaces", () => {
  toast.info("one", { key: "k" });
  toast.error(new TesseraError("x", "two"));
  toast.warn("three", { key: "k" });
  expect(messages()).toEqual(["three", "two"]);
  expect(toastStore.getState().history.map((t) => t.tone)).toEqual(["warn", "error"]);
});

test("at most a hundred are kept, and reading marks them all", () => {
  for (let i = 0; i < 130; i++) toast.info(`message ${i}`);
  expect(messages().length).toBe(100);
  expect(messages()[0]).toBe("message 129");
  readToasts();
  expect(toastStore.getState().history.every((t) => t.isRead)).toBe(true);
});

test("resume is read from the hash's own query", () => {
  expect(resumeId("#/w/hello?a=1&resume=run-7")).toBe("run-7");
  expect(resumeId("#/w/hello")).toBeUndefined();
});
