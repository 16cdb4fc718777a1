// What the video transformer's page can be saved as: weights, metrics, report, frames. It only gives out what is there.

import { toCsv } from "../../../../ui/csv";
import type { ExportItem } from "../../../../ui/ExportMenu";
import { noEncoder } from "../../../../ui/film";
import { saveBytes, saveCanvas } from "../../../../ui/save";
import { encodeRows } from "../../protocol-video-ablate";
import { rowsTable } from "./ablation-words";
import { differenceImage, frameImage, frameStrip } from "./clip-draw";
import { clipsVideo } from "./clips-video";
import { type VideoState, videoSnapshot } from "./state";
import { isVideoBusy, type VideoLab } from "./store";

export function videoExports(lab: VideoLab, state: VideoState): ExportItem[] {
  const { weights, file, training, metrics, sampled, job } = state;
  const { rows } = state.ablation;
  const noPoint = rows.length > 0 ? undefined : "Run a grid first";
  const noClip = sampled ? undefined : "Sample a clip first";
  return [
    {
      label: "Weights (safetensors)",
      group: "Training",
      hint: "F32; the command line and this page read them",
      disabled: weights.value && file ? undefined : "Train or load weights first",
      run: () => file && saveBytes(weights.value?.name ?? "video.safetensors", file),
    },
    {
      label: "Training state (safetensors)",
      group: "Training",
      hint: "for --checkpoint of the command line",
      disabled: training ? undefined : "There is no state of a training",
      run: () => training && saveBytes("video-state.safetensors", training.file),
    },
    {
      label: "Metrics (CSV)",
      group: "Training",
      disabled: metrics.length > 0 ? undefined : "Train first",
      run() {
        const names = [
          ...(["step", "loss", "gradientNorm", "parameterNorm"] as const),
          ...(["learningRate", "stepsPerSecond", "gflops"] as const),
        ];
        const rows = metrics.map((row) => names.map((name) => row[name]));
        saveBytes("video-metrics.csv", toCsv(names, rows), "text/csv");
      },
    },
    {
      label: "Report (JSON)",
      group: "Clip",
      hint: "settings, times, quality, every step",
      disabled: metrics.length > 0 || sampled ? undefined : "Train or sample first",
      run: () =>
        saveBytes("video-report.json", JSON.stringify(videoSnapshot(state), null, 2), "application/json"),
    },
    {
      label: "Frames (PNG)",
      group: "Clip",
      hint: "rows: dense, sparse, signed difference",
      disabled: noClip,
      run() {
        if (!sampled) return;
        const { dense, sparse, config } = sampled;
        const rows = [
          (frame: number) => frameImage(dense, frame, config),
          (frame: number) => frameImage(sparse, frame, config),
          (frame: number) => differenceImage({ dense, sparse }, frame, config, "signed", 1),
        ];
        saveCanvas("video-frames.png", frameStrip(rows, config));
      },
    },
    {
      label: "Clips (npz)",
      group: "Clip",
      hint: "f32 arrays for NumPy, and the parameters as JSON",
      disabled: noClip ?? (isVideoBusy(job) ? "Something is running" : undefined),
      async run() {
        const bytes = await lab.clipsFile();
        if (bytes) saveBytes("video-clips.npz", bytes, "application/zip");
      },
    },
    {
      label: "Clips (WebM)",
      group: "Clip",
      hint: "dense, sparse and their difference in one picture; lossy",
      disabled: noClip ?? noEncoder(),
      async run() {
        if (sampled) saveBytes("video-clips.webm", await clipsVideo(sampled), "video/webm");
      },
    },
    {
      label: "Points (JSONL)",
      group: "Ablation",
      hint: "for --out of the command line, which goes on with it",
      disabled: noPoint,
      run: () => saveBytes("ablation.jsonl", encodeRows(rows), "application/jsonl"),
    },
    {
      label: "Points (CSV)",
      group: "Ablation",
      hint: "settings, quality, times",
      disabled: noPoint,
      run() {
        const { header, cells } = rowsTable(rows);
        saveBytes("ablation.csv", toCsv(header, cells), "text/csv");
      },
    },
  ];
}
