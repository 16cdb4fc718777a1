// Keeps trainings and clips of the video transformer as run records: metrics, weights, the state to go on from, the clips.
// A failure to store is the caller's to show.
import { version as codeVersion } from "../../../../../package.json";
import { type Fields, TesseraError, toRecord } from "../../../../base/errors";
import { busy } from "../../../../base/idle";
import { defaults } from "../../../../base/params";
import type { RunRecord } from "../../../../runs/record";
import type { MetricRow, RunStore } from "../../../../runs/store";
import { type AblationRow, encodeRows, parseRows } from "../../protocol-video-ablate";
import { pick, type VideoSettings, videoParams } from "../../protocol-video-page";
import type { SampledVideo, VideoMetrics } from "../../protocol-video-session";
import { writesInTurn } from "../in-turn";
import {
  type Interrupted,
  missingPoints,
  type StoredVideo,
  type VideoJob,
  type VideoSnapshot,
} from "./state";

const WORKFLOW = "sparse-attention";
const PART = "video";
const RESULTS = "results.json";
const WEIGHTS = "weights.safetensors";
const TRAINING = "state.safetensors";
const CLIPS = "clips.f32";
const POINTS = "ablation.jsonl";
const BINARY = "application/octet-stream";
const METRICS: readonly (keyof VideoMetrics)[] = [
  "step",
  "loss",
  "gradientNorm",
  "learningRate",
  "stepsPerSecond",
  "gflops",
];

/** One run that is being stored. All methods may throw what the storage throws. */
export interface VideoKeeping {
  readonly id: Promise<string>;
  metrics(rows: readonly VideoMetrics[]): Promise<void>;
  weights(file: Blob): Promise<void>;
  training(file: Blob): Promise<void>;
  clips(video: SampledVideo): Promise<void>;
  /** All points so far, as the file that the command writes. */
  points(rows: readonly AblationRow[]): Promise<void>;
  save(snapshot: VideoSnapshot): Promise<void>;
  /** Marks a run that had ended as running again. */
  resume(adapter: string): Promise<void>;
  finish(job: VideoJob, snapshot: VideoSnapshot, adapter: string): Promise<void>;
}

export interface VideoKeeper {
  begin(settings: VideoSettings, name: string): VideoKeeping;
  /** Goes on storing into a run that was opened. */
  again(id: string): VideoKeeping;
  /** @throws TesseraError `run-missing`, or `run-artefact` for a run that stored nothing. */
  open(id: string): Promise<StoredVideo>;
  /** The newest training or grid that ended with its page and left something to go on from. */
  interrupted(): Promise<Interrupted | undefined>;
  /** Trainings that have a curve, newest first. */
  trainings(): Promise<StoredTraining[]>;
  /** The lines of metrics of one. */
  curve(id: string): Promise<VideoMetrics[]>;
}

/** A stored run that trained. */
export interface StoredTraining {
  id: string;
  name: string;
  /** Milliseconds since 1970. */
  createdAt: number;
}

/** Keeps runs in the store that `open` gives; it is asked at the first use. */
export function videoKeeper(open: () => Promise<RunStore>): VideoKeeper {
  const keep = (id: Promise<string>): VideoKeeping => {
    const inTurn = writesInTurn(open, id);
    const write = (
      name: string,
      file: Blob,
      type: string,
      options?: { keepsBefore: boolean },
    ): Promise<void> =>
      inTurn(async (store, own) =>
        store.writeArtefact(own, name, new Uint8Array(await file.arrayBuffer()), type, options),
      );
    const results = async (store: RunStore, own: string, snapshot: VideoSnapshot): Promise<void> => {
      const bytes = new TextEncoder().encode(JSON.stringify(snapshot));
      await store.writeArtefact(own, RESULTS, bytes, "application/json");
      await store.update(own, { summary: summaryOf(snapshot) });
    };
    return {
      id,
      metrics: (rows) =>
        inTurn((store, own) =>
          store.appendMetrics(
            own,
            rows.map((row) => ({ ...row })),
          ),
        ),
      weights: (file) => write(WEIGHTS, file, BINARY),
      training: (file) => write(TRAINING, file, BINARY, { keepsBefore: true }),
      clips: ({ dense, sparse }) => write(CLIPS, new Blob([dense, sparse]), BINARY),
      points: (rows) => write(POINTS, new Blob([encodeRows(rows)]), "application/jsonl"),
      save: (snapshot) => inTurn((store, own) => results(store, own, snapshot)),
      resume: (adapter) => inTurn((store, own) => store.resume(own, adapter)),
      finish: (job, snapshot, adapter) =>
        inTurn(async (store, own) => {
          await results(store, own, snapshot);
          await store.update(own, { adapter });
          const state = job.state === "done" || job.state === "cancelled" ? job.state : "failed";
          await store.finish(own, state, job.error === undefined ? undefined : toRecord(job.error));
        }),
    };
  };
  return {
    begin: (settings, name) =>
      keep(
        open()
          .then((store) =>
            store.create({
              workflow: WORKFLOW,
              name,
              params: { part: PART, ...settings },
              seed: settings.trainSeed,
              adapter: "",
              codeVersion,
            }),
          )
          .then((record) => record.id),
      ),
    again: (id) => keep(Promise.resolve(id)),
    async open(id) {
      const end = busy();
      try {
        const store = await open();
        const { name, state, params, artefacts } = await store.get(id);
        const has = (file: string): boolean => artefacts.some((a) => a.name === file);
        const blob = async (file: string): Promise<Blob | undefined> =>
          has(file) ? new Blob([await store.readArtefact(id, file)]) : undefined;
        const pixels = await blob(CLIPS);
        const points = await blob(POINTS);
        const training = await blob(TRAINING);
        // A page that ended between the first state and the first results leaves the state alone.
        const isBare = training !== undefined && !has(RESULTS);
        return {
          run: { name, state },
          settings: settingsOf(params),
          snapshot: isBare ? undefined : readSnapshot(await store.readArtefact(id, RESULTS), name),
          metrics: (await store.metrics(id)).filter(isLine),
          weights: await blob(WEIGHTS),
          training,
          clips: pixels && new Float32Array(await pixels.arrayBuffer()),
          rows: points ? parseRows(await points.text()) : [],
        };
      } finally {
        end();
      }
    },
    async trainings() {
      const end = busy();
      try {
        const runs = await (await open()).list();
        return runs
          .filter((run) => isOurs(run) && METRICS.every((name) => run.metricNames.includes(name)))
          .map(({ id, name, createdAt }) => ({ id, name, createdAt }));
      } finally {
        end();
      }
    },
    async curve(id) {
      const end = busy();
      try {
        return (await (await open()).metrics(id)).filter(isLine);
      } finally {
        end();
      }
    },
    async interrupted() {
      const end = busy();
      try {
        const store = await open();
        for (const record of await store.list()) {
          if (!isOurs(record) || record.state !== "interrupted") continue;
          // One whose files are damaged has nothing to offer.
          const found = await unfinished(store, record).catch(() => undefined);
          if (found) return found;
        }
        return undefined;
      } finally {
        end();
      }
    },
  };
}

const isOurs = ({ workflow, params }: RunRecord): boolean => workflow === WORKFLOW && params.part === PART;

/** What a run that ended with its page can go on with. */
async function unfinished(store: RunStore, record: RunRecord): Promise<Interrupted | undefined> {
  const { id, name, params, summary, artefacts } = record;
  const has = (file: string): boolean => artefacts.some((a) => a.name === file);
  const { job, asked, training, ran } = has(RESULTS)
    ? readSnapshot(await store.readArtefact(id, RESULTS), name)
    : ({} as Partial<VideoSnapshot>);
  if (job === "ablate" && asked && ran?.ablate && has(POINTS)) {
    const rows = parseRows(new TextDecoder().decode(await store.readArtefact(id, POINTS)));
    const left = missingPoints(asked, rows).length;
    const done = asked.length - left;
    return left > 0 ? { kind: "ablate", id, name, done, of: asked.length, settings: ran.ablate } : undefined;
  }
  const settings = training?.settings ?? settingsOf(params);
  const done = training?.steps ?? Number(summary.steps ?? 0);
  const isLeft = has(TRAINING) && done < settings.trainSteps;
  return isLeft ? { kind: "train", id, name, done, of: settings.trainSteps, settings } : undefined;
}

/** Parameters of a stored run as settings; what a run of before lacks has its default. */
const settingsOf = (params: Fields): VideoSettings =>
  pick(videoParams, { ...defaults(videoParams), ...params });

const isLine = (row: MetricRow): row is MetricRow & VideoMetrics =>
  METRICS.every((name) => typeof row[name] === "number");

/** Reads stored results; they may come from a file that someone edited. @throws TesseraError `run-artefact`. */
function readSnapshot(bytes: Uint8Array, name: string): VideoSnapshot {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as Partial<VideoSnapshot> | null;
    if (value?.version === 1 && Array.isArray(value.metrics) && Array.isArray(value.denseSteps))
      return value as VideoSnapshot;
  } catch {
    // Told below.
  }
  throw new TesseraError(
    "run-artefact",
    `The results of run “${name}” cannot be shown: they are damaged or of another kind; remove the run.`,
    { name },
  );
}

/** The figures that the runs list shows. */
function summaryOf({ metrics, trained, sampled }: VideoSnapshot): Record<string, number> {
  const last = metrics.at(-1);
  const comparison = sampled?.comparison;
  return {
    ...(last && { steps: last.step, loss: last.loss }),
    ...(trained?.weights.origin?.validationLoss != null && {
      validationLoss: trained.weights.origin.validationLoss,
    }),
    ...(comparison && { speedup: comparison.speedup, ssim: comparison.meanSsim }),
    ...(comparison?.meanPsnr != null && { psnr: comparison.meanPsnr }),
  };
}
