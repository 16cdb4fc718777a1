// The parameters of the second part's page: the records of protocol-video.ts under names of their own, with defaults that
// a software adapter is done with in about a minute. Nothing here computes a result.
import { choice, int, type ParamSpec, type ParamValues } from "../../base/params";
import { params } from "./protocol-params";
import {
  type ClipSettings,
  clipParams,
  modelParams,
  REPORT_LEVELS,
  type SparseSettings,
  sparseParams,
  trainParams,
} from "./protocol-video";
import { pageGridParams } from "./protocol-video-ablate";

type Prefixed<P extends string, S extends ParamSpec> = {
  readonly [K in keyof S & string as `${P}${Capitalize<K>}`]: S[K];
};

const nameIn = (prefix: string, name: string): string =>
  `${prefix}${name.charAt(0).toUpperCase()}${name.slice(1)}`;

/** A record under other names: `steps` of "train" becomes `trainSteps`. */
function prefixed<P extends string, S extends ParamSpec>(prefix: P, spec: S): Prefixed<P, S> {
  return Object.fromEntries(
    Object.entries(spec).map(([name, param]) => [nameIn(prefix, name), param]),
  ) as unknown as Prefixed<P, S>;
}

/** The values of a record, out of those of the page. */
function taken<P extends string, S extends ParamSpec>(
  prefix: P,
  spec: S,
  values: ParamValues<Prefixed<P, S>>,
): ParamValues<S> {
  const all = values as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    Object.keys(spec).map((name) => [name, all[nameIn(prefix, name)]]),
  ) as ParamValues<S>;
}

const { size, ...singleSizes } = modelParams;
const SINGLE = "Single sizes";
const sizes = Object.fromEntries(
  Object.entries(singleSizes).map(([name, param]) => [name, { ...param, group: SINGLE }]),
) as unknown as typeof singleSizes;

const model = {
  size: { ...size, default: "XXS" as const },
  ...sizes,
} as const;
const train = {
  ...trainParams,
  steps: { ...trainParams.steps, default: 20 },
  batch: { ...trainParams.batch, default: 1 },
} as const;
const clip = { ...clipParams, steps: { ...clipParams.steps, default: 10 } } as const;
const sparse = {
  ...sparseParams,
  block: { ...sparseParams.block, default: "32" as const },
  denseSteps: { ...sparseParams.denseSteps, default: 2 },
  searches: { ...sparseParams.searches, default: "2,6" },
} as const;

const { modelSize, ...modelSingles } = prefixed("model", model);

/** All of them; the first stands for the others where one number of the form is looked for. */
export const videoParams = {
  modelSize,
  ...prefixed("train", train),
  previewEvery: int(10, {
    min: 0,
    max: 1_000_000,
    unit: "steps",
    label: "Clip every",
    help: "Steps between two clips that are drawn while training, densely and by the settings under “Clip”, from the averaged weights; 0 draws none. The training itself stays the same.",
    group: "Training",
  }),
  ...prefixed("clip", clip),
  ...prefixed("sparse", sparse),
  reportLevel: choice("diagnose", REPORT_LEVELS, {
    label: "Report",
    labels: { steps: "Whole steps", layers: "Phases", diagnose: "Diagnosis" },
    help: "Whole steps only; phases of each layer, with a wait around attention; or also dense attention beside every sparse step, outside of the times.",
    group: "Clip",
  }),
  ...modelSingles,
  ...prefixed("grid", pageGridParams),
} as const;
export type VideoSettings = ParamValues<typeof videoParams>;
export type VideoSettingName = keyof VideoSettings & string;

/** The grid of the ablation has a form of its own; the other fields stand in the form of the page. */
const names = Object.keys(videoParams) as VideoSettingName[];
export const GRID_FIELDS = names.filter((name) => name.startsWith("grid"));
export const FORM_FIELDS = names.filter((name) => !GRID_FIELDS.includes(name));

/** Groups of the form that start closed. */
export const CLOSED_GROUPS: readonly string[] = [SINGLE];

export const modelOf = (values: VideoSettings) => taken("model", model, values);
export const trainingOf = (values: VideoSettings) => taken("train", train, values);
export const clipOf = (values: VideoSettings) => taken("clip", clip, values);
export const gridSettingsOf = (values: VideoSettings) => taken("grid", pageGridParams, values);
export const sparseOf = (values: VideoSettings) => taken("sparse", sparse, values);

const asked = (prefix: string, spec: ParamSpec, values: object): Partial<VideoSettings> =>
  Object.fromEntries(
    Object.entries(values)
      .filter(([name]) => name in spec)
      .map(([name, value]) => [nameIn(prefix, name), value]),
  );

/** Settings of sparse sampling, and of a clip, under the names of the page. */
export const sparseAsked = (settings: SparseSettings) => asked("sparse", sparseParams, settings);
export const clipAsked = (settings: ClipSettings) => asked("clip", clipParams, settings);

export const PARTS = ["laboratory", "video"] as const;

/** Everything the address may say: which part is shown, and the parameters of both. */
export const pageParams = {
  part: choice("laboratory", PARTS, {
    labels: { laboratory: "Attention laboratory", video: "Video transformer" },
    help: "The laboratory takes q, k and v from a file; the video transformer is trained and sampled here.",
  }),
  ...videoParams,
  ...params,
} as const;
export type PageSettings = ParamValues<typeof pageParams>;

/** The values of one record among those of the page. */
export const pick = <S extends ParamSpec>(
  spec: S,
  values: Readonly<Record<string, unknown>>,
): ParamValues<S> =>
  Object.fromEntries(Object.keys(spec).map((name) => [name, values[name]])) as ParamValues<S>;
