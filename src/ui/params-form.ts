// The parts of a parameter form that need no screen: grouping, labels, slider positions, reading typed text.
import { type FloatParam, type IntParam, type Param, type ParamSpec, parseValue } from "../base/params";

export interface FieldGroup {
  /** Empty for the fields that belong to no group; those come first. */
  title: string;
  names: string[];
}

/** Fields in the order of the spec (or of `names`), ungrouped ones first, then each group where it first appears. */
export function groupFields(spec: ParamSpec, names: readonly string[] = Object.keys(spec)): FieldGroup[] {
  const groups = new Map<string, string[]>([["", []]]);
  for (const name of names) {
    const title = spec[name].group ?? "";
    const list = groups.get(title) ?? [];
    list.push(name);
    groups.set(title, list);
  }
  return [...groups].filter(([, list]) => list.length > 0).map(([title, list]) => ({ title, names: list }));
}

/** The label of a field: its own, or its name in words ("blockSize" → "Block size"). */
export function fieldLabel(name: string, param: Param): string {
  if (param.label) return param.label;
  const words = name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replaceAll(/[-_]+/g, " ")
    .toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A choice is shown as buttons while they fit on one line of the narrow column, else as a list. */
export function fitsSegments(labels: readonly string[]): boolean {
  return labels.length <= 4 && labels.reduce((sum, label) => sum + label.length + 3, 0) <= 36;
}

export interface SliderMap {
  min: number;
  max: number;
  step: number;
  toSlider(value: number): number;
  fromSlider(position: number): number;
}

/**
 * How a number moves on a slider, or undefined when a slider would not help (more than 10,000 steps).
 * Positive ranges that span a factor of 200 or more move on a log scale.
 */
export function sliderMap(param: IntParam | FloatParam): SliderMap | undefined {
  const { min, max } = param;
  if (!(max > min) || !Number.isFinite(max - min)) return undefined;
  if (min > 0 && max / min >= 200) {
    const low = Math.log(min);
    const span = Math.log(max) - low;
    return {
      min: 0,
      max: 200,
      step: 1,
      toSlider: (v) => Math.round((200 * (Math.log(Math.min(max, Math.max(min, v))) - low)) / span),
      fromSlider: (p) => snap(param, Math.exp(low + (span * p) / 200)),
    };
  }
  const step = param.step ?? (param.kind === "int" ? 1 : 10 ** Math.floor(Math.log10((max - min) / 100)));
  if ((max - min) / step > 10_000) return undefined;
  return {
    min,
    max,
    step,
    toSlider: (v) => Math.min(max, Math.max(min, v)),
    fromSlider: (p) => snap(param, p),
  };
}

/** The nearest allowed value: on the step grid from `min`, inside the range, without binary dust. */
export function snap(param: IntParam | FloatParam, value: number): number {
  const step = param.kind === "int" ? (param.step ?? 1) : param.step;
  const clamped = Math.min(param.max, Math.max(param.min, value));
  if (!step) return Number(clamped.toPrecision(3));
  const last = Math.floor((param.max - param.min) / step + 1e-9);
  const snapped = param.min + Math.min(last, Math.round((clamped - param.min) / step)) * step;
  return Number(snapped.toPrecision(12));
}

export type Draft = { value: string | number | boolean } | { problem: string };

/** Reads what was typed. The problem is worded for the field: its name, known from the label, is left out. */
export function readDraft(name: string, param: Param, source: string): Draft {
  const isNumber = param.kind === "int" || param.kind === "float";
  try {
    return { value: parseValue(name, param, isNumber ? source.trim().replace(",", ".") : source) };
  } catch (error) {
    const text = (error as Error).message.replace(`${name}: `, "");
    return { problem: text.charAt(0).toUpperCase() + text.slice(1) };
  }
}
