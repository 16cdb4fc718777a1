// How close two clips are: PSNR and SSIM per frame and their means, as scikit-image defines them. It judges no model.
// PSNR (peak_signal_noise_ratio): 10·log10(R² / mean squared error) over all pixels and channels of a frame.
// SSIM (structural_similarity): Wang et al. 2004 with a uniform 7x7 window, K1 = 0.01, K2 = 0.03, sample covariance
// (divided by 48), mean over window positions inside the frame and over channels. R is the range of the data: 2.
import { TesseraError } from "../../../../base/errors";
import type { ClipSize } from "./scene";

/** Clips lie in [-1, 1]. */
export const DATA_RANGE = 2;

const WINDOW = 7;
const CHANNELS = 3;
const K1 = 0.01;
const K2 = 0.03;

export interface Quality {
  /** Decibels per frame; null where the frames are equal (the ratio is infinite). */
  psnr: (number | null)[];
  ssim: number[];
  /** Mean over the frames that differ; null when none does. */
  meanPsnr: number | null;
  meanSsim: number;
}

/** In the words of a report. */
export const QUALITY_DEFINITION =
  "Per frame, then averaged: PSNR = 10·log10(4 / mean squared error), SSIM with a uniform 7x7 window and sample covariance, mean over channels; clips in [-1, 1], data range 2 (scikit-image 0.26 peak_signal_noise_ratio, structural_similarity).";

/**
 * Compares two clips [F, H, W, 3] in [-1, 1].
 * @throws TesseraError `shape` for other lengths, or frames smaller than the 7x7 window.
 */
export function compareClips(got: Float32Array, wanted: Float32Array, size: ClipSize): Quality {
  const { frames, height, width } = size;
  const plane = height * width * CHANNELS;
  if (got.length !== frames * plane || wanted.length !== frames * plane)
    throw new TesseraError(
      "shape",
      `Clips of ${frames} frames of ${height} x ${width} have ${frames * plane} values, got ${got.length} and ${wanted.length}`,
    );
  if (Math.min(height, width) < WINDOW)
    throw new TesseraError(
      "shape",
      `SSIM needs frames of at least ${WINDOW} x ${WINDOW} pixels, got ${height} x ${width}`,
    );
  const cut = (clip: Float32Array, f: number): Float32Array => clip.subarray(f * plane, (f + 1) * plane);
  const each = Array.from({ length: frames }, (_, f) => f);
  const psnr = each.map((f) => framePsnr(cut(got, f), cut(wanted, f)));
  const ssim = each.map((f) => frameSsim(cut(got, f), cut(wanted, f), height, width));
  const finite = psnr.filter((value) => value !== null);
  return { psnr, ssim, meanPsnr: finite.length ? mean(finite) : null, meanSsim: mean(ssim) };
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

function framePsnr(a: Float32Array, b: Float32Array): number | null {
  let squares = 0;
  for (let i = 0; i < a.length; i++) squares += (a[i] - b[i]) ** 2;
  return squares === 0 ? null : 10 * Math.log10(DATA_RANGE ** 2 / (squares / a.length));
}

/** Sums over 7x7 windows, taken along rows first and then down columns: [H - 6, W - 6]. */
function windowSums(value: (at: number) => number, height: number, width: number): Float64Array {
  const [rows, columns] = [height - WINDOW + 1, width - WINDOW + 1];
  const across = new Float64Array(height * columns);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < columns; x++) {
      let sum = 0;
      for (let i = 0; i < WINDOW; i++) sum += value(y * width + x + i);
      across[y * columns + x] = sum;
    }
  }
  const sums = new Float64Array(rows * columns);
  for (let i = 0; i < sums.length; i++) {
    for (let j = 0; j < WINDOW; j++) sums[i] += across[i + j * columns];
  }
  return sums;
}

function frameSsim(a: Float32Array, b: Float32Array, height: number, width: number): number {
  const n = WINDOW * WINDOW;
  const unbiased = n / (n - 1);
  const [c1, c2] = [(K1 * DATA_RANGE) ** 2, (K2 * DATA_RANGE) ** 2];
  let total = 0;
  let count = 0;
  for (let c = 0; c < CHANNELS; c++) {
    const x = (at: number): number => a[at * CHANNELS + c];
    const y = (at: number): number => b[at * CHANNELS + c];
    const sums = (value: (at: number) => number): Float64Array => windowSums(value, height, width);
    const [sx, sy] = [sums(x), sums(y)];
    const [sxx, syy] = [sums((at) => x(at) ** 2), sums((at) => y(at) ** 2)];
    const sxy = sums((at) => x(at) * y(at));
    for (let i = 0; i < sx.length; i++) {
      const [mx, my] = [sx[i] / n, sy[i] / n];
      const vx = unbiased * (sxx[i] / n - mx * mx);
      const vy = unbiased * (syy[i] / n - my * my);
      const vxy = unbiased * (sxy[i] / n - mx * my);
      total += ((2 * mx * my + c1) * (2 * vxy + c2)) / ((mx * mx + my * my + c1) * (vx + vy + c2));
    }
    count += sx.length;
  }
  return total / count;
}
