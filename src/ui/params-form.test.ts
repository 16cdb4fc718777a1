// The logic of parameter forms: grouping, labels, sliders, typed text.
import { describe, expect, test } from "vitest";
import { bool, choice, float, int, text } from "../base/params";
import { extensionProblem } from "./file-names";
import { fieldLabel, fitsSegments, groupFields, readDraft, sliderMap, snap } from "./params-form";

const help = "h";
const spec = {
  heads: int(8, { min: 1, max: 64, help }),
  sparsity: float(0.8, { min: 0, max: 0.99, step: 0.01, help, group: "Selection" }),
  keepSink: bool(true, { help }),
  block: choice("64", ["32", "64"], { help, group: "Selection" }),
  name: text("a", { help, pattern: /^[a-z,]+$/ }),
};

test("ungrouped fields come first, groups keep their order", () => {
  expect(groupFields(spec)).toEqual([
    { title: "", names: ["heads", "keepSink", "name"] },
    { title: "Selection", names: ["sparsity", "block"] },
  ]);
  expect(groupFields(spec, ["block"])).toEqual([{ title: "Selection", names: ["block"] }]);
});

test("labels are the given ones or the name in words", () => {
  expect(fieldLabel("keepSink", spec.keepSink)).toBe("Keep sink");
  expect(fieldLabel("x", { ...spec.heads, label: "Heads (H)" })).toBe("Heads (H)");
});

test("choices become buttons while they fit", () => {
  expect(fitsSegments(["32", "64", "128"])).toBe(true);
  expect(fitsSegments(["a", "b", "c", "d", "e"])).toBe(false);
  expect(fitsSegments(["Mean-pooled attention", "Antidiagonal scores"])).toBe(false);
});

describe("sliders", () => {
  test("a wide positive range moves on a log scale and lands on the step grid", () => {
    const param = int(4096, { min: 128, max: 131072, step: 128, help });
    const slider = sliderMap(param)!;
    expect([slider.toSlider(128), slider.toSlider(131072)]).toEqual([0, 200]);
    expect([slider.fromSlider(0), slider.fromSlider(200)]).toEqual([128, 131072]);
    // Half way is the geometric mean, sqrt(128 · 131072) = 4096.
    expect(slider.fromSlider(100)).toBe(4096);
    for (let p = 0; p <= 200; p++) expect(slider.fromSlider(p) % 128).toBe(0);
  });
  test("a narrow range moves linearly", () => {
    const slider = sliderMap(spec.sparsity)!;
    expect([slider.min, slider.max, slider.step]).toEqual([0, 0.99, 0.01]);
    expect(slider.fromSlider(0.30000000000000004)).toBe(0.3);
  });
  test("no slider where it would not help", () => {
    expect(sliderMap(int(0, { min: 0, max: 2 ** 31, help }))).toBeUndefined();
    expect(sliderMap(int(3, { min: 3, max: 3, help }))).toBeUndefined();
  });
  test("snapping never leaves the range, also when the step does not divide it", () => {
    const param = int(1, { min: 1, max: 10, step: 4, help });
    expect([0, 1, 4, 7.4, 10, 99].map((v) => snap(param, v))).toEqual([1, 1, 5, 9, 9, 9]);
  });
});

test("typed text becomes a value or a message without the field's name", () => {
  expect(readDraft("heads", spec.heads, " 12 ")).toEqual({ value: 12 });
  expect(readDraft("sparsity", spec.sparsity, "0,5")).toEqual({ value: 0.5 });
  expect(readDraft("name", spec.name, "a,b")).toEqual({ value: "a,b" });
  expect(readDraft("heads", spec.heads, "99")).toEqual({ problem: "Must lie between 1 and 64, got 99" });
  expect(readDraft("heads", spec.heads, "")).toEqual({ problem: "A number is needed, got NaN" });
  expect(readDraft("heads", spec.heads, "2.5")).toEqual({ problem: "A whole number is needed, got 2.5" });
});

test("files are accepted by the end of their name", () => {
  expect(extensionProblem("a.SafeTensors", [".safetensors", ".npz"])).toBeUndefined();
  expect(extensionProblem("a.txt", [".safetensors", ".npz", ".npy"])).toBe(
    'A file ending in .safetensors, .npz or .npy is needed, got "a.txt".',
  );
});
