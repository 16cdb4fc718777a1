// Draws a scene into a typed array: antialiased shapes over a backdrop, frame by frame. Nothing is allocated per pixel.
import { type ClipSize, type Motion, makeScene, type Scene, type Shape, STEP, sceneExtent } from "./scene";
import type { Colour, Kind } from "./words";

/** Values of a clip: [frames, height, width, 3]. */
export const clipValues = ({ frames, height, width }: ClipSize): number => frames * height * width * 3;

const PAINT: Readonly<Record<Colour, readonly [number, number, number]>> = {
  red: [0.9, -0.8, -0.8],
  orange: [1, 0.1, -0.9],
  yellow: [0.95, 0.85, -0.8],
  green: [-0.8, 0.6, -0.7],
  cyan: [-0.8, 0.8, 0.9],
  blue: [-0.8, -0.5, 0.95],
  magenta: [0.85, -0.7, 0.8],
  white: [1, 1, 1],
};

/** No shape reaches further from its centre than this many radii. */
const REACH = 1.15;

/** Clip `index` of a seed, into `out` (made when left out), [F, H, W, 3] in [-1, 1], and its caption. */
export function drawClip(
  seed: number,
  index: number,
  size: ClipSize,
  out = new Float32Array(clipValues(size)),
): { clip: Float32Array; caption: string } {
  const scene = makeScene(seed, index, size);
  renderScene(scene, size, out);
  return { clip: out, caption: scene.caption };
}

/** Fills `out` [F, H, W, 3] with a scene. */
export function renderScene(scene: Scene, size: ClipSize, out: Float32Array): void {
  const { frames, height, width } = size;
  const plane = height * width * 3;
  const extent = sceneExtent(size);
  const unit = Math.min(height, width);
  const waves = waveTables(size);
  for (let f = 0; f < frames; f++) {
    const frame = out.subarray(f * plane, (f + 1) * plane);
    const [dx, dy] = cameraAt(scene, f, frames);
    drawBackdrop(scene, size, dx, dy, waves, frame);
    for (const shape of scene.shapes) {
      const [x, y, angle] = placeAt(shape, f, extent);
      drawShape(shape, (x - dx) * unit, (y - dy) * unit, angle, unit, size, frame);
    }
  }
}

/** Where the camera stands at a frame; in the middle of the clip it is at the origin. */
function cameraAt({ camera }: Scene, frame: number, frames: number): [number, number] {
  if (!camera) return [0, 0];
  const way = camera.speed * (frame - (frames - 1) / 2);
  const [sx, sy] = STEP[camera.direction];
  return [sx * way, sy * way];
}

/** Centre and angle of a shape at a frame, in scene units. */
export function placeAt(
  { x, y, angle, radius, motion }: Shape,
  frame: number,
  extent: { x: number; y: number },
): [x: number, y: number, angle: number] {
  switch (motion.kind) {
    case "stays":
      return [x, y, angle];
    case "bounces":
      return [
        reflect(x + motion.vx * frame, radius, extent.x - radius),
        reflect(y + motion.vy * frame, radius, extent.y - radius),
        angle,
      ];
    case "drifts":
      return drift(x, y, angle, radius, motion, frame, extent);
    case "rotates":
      return [x, y, angle + motion.rate * frame];
    case "orbits": {
      const at = motion.phase + motion.rate * frame;
      const [cx, cy] = [Math.cos(at) - Math.cos(motion.phase), Math.sin(at) - Math.sin(motion.phase)];
      return [x + motion.distance * cx, y + motion.distance * cy, angle];
    }
  }
}

function drift(
  x: number,
  y: number,
  angle: number,
  radius: number,
  { direction, speed }: Extract<Motion, { kind: "drifts" }>,
  frame: number,
  extent: { x: number; y: number },
): [number, number, number] {
  const [sx, sy] = STEP[direction];
  return [
    sx === 0 ? x : wrap(x + sx * speed * frame, -radius, extent.x + radius),
    sy === 0 ? y : wrap(y + sy * speed * frame, -radius, extent.y + radius),
    angle,
  ];
}

/** A point that moves on a line and is thrown back at both ends. */
function reflect(at: number, low: number, high: number): number {
  const span = high - low;
  if (span <= 0) return (low + high) / 2;
  const phase = positiveRemainder(at - low, 2 * span);
  return low + (phase <= span ? phase : 2 * span - phase);
}

const wrap = (at: number, low: number, high: number): number => low + positiveRemainder(at - low, high - low);

const positiveRemainder = (a: number, b: number): number => a - b * Math.floor(a / b);

/** Sine and cosine of the stripes along each axis: sin(a + b) needs no sine per pixel. */
interface Waves {
  sinX: Float64Array;
  cosX: Float64Array;
}

const waveTables = ({ width }: ClipSize): Waves => ({
  sinX: new Float64Array(width),
  cosX: new Float64Array(width),
});

function drawBackdrop(
  { backdrop }: Scene,
  { height, width }: ClipSize,
  dx: number,
  dy: number,
  { sinX, cosX }: Waves,
  frame: Float32Array,
): void {
  const { base, waveX, waveY, phase, amplitude } = backdrop;
  const unit = Math.min(height, width);
  for (let x = 0; x < width; x++) {
    const a = waveX * ((x + 0.5) / unit + dx) + phase;
    sinX[x] = Math.sin(a);
    cosX[x] = Math.cos(a);
  }
  const [r, g, b] = base;
  let at = 0;
  for (let y = 0; y < height; y++) {
    const angle = waveY * ((y + 0.5) / unit + dy);
    const [s, c] = [Math.sin(angle) * amplitude, Math.cos(angle) * amplitude];
    for (let x = 0; x < width; x++) {
      const wave = sinX[x] * c + cosX[x] * s;
      frame[at++] = r + wave;
      frame[at++] = g + wave;
      frame[at++] = b + wave;
    }
  }
}

/** Blends one shape over a frame; its edge is one pixel wide. `cx`, `cy` are pixels. */
function drawShape(
  { kind, colour, radius }: Shape,
  cx: number,
  cy: number,
  angle: number,
  unit: number,
  { height, width }: ClipSize,
  frame: Float32Array,
): void {
  const r = radius * unit;
  const reach = REACH * r + 1;
  const x0 = Math.max(0, Math.floor(cx - reach));
  const x1 = Math.min(width, Math.ceil(cx + reach));
  const y0 = Math.max(0, Math.floor(cy - reach));
  const y1 = Math.min(height, Math.ceil(cy + reach));
  const [cos, sin] = [Math.cos(angle) / r, Math.sin(angle) / r];
  const [red, green, blue] = PAINT[colour];
  for (let y = y0; y < y1; y++) {
    for (let x = x0; x < x1; x++) {
      const px = x + 0.5 - cx;
      const py = y + 0.5 - cy;
      const cover = 0.5 - r * distance(kind, px * cos + py * sin, py * cos - px * sin);
      if (cover <= 0) continue;
      const share = Math.min(cover, 1);
      const at = (y * width + x) * 3;
      frame[at] += share * (red - frame[at]);
      frame[at + 1] += share * (green - frame[at + 1]);
      frame[at + 2] += share * (blue - frame[at + 2]);
    }
  }
}

/** Signed distance to the edge of a shape of radius 1, below 0 inside; exact near straight edges, which is what shows. */
function distance(kind: Kind, u: number, v: number): number {
  switch (kind) {
    case "circle":
      return Math.sqrt(u * u + v * v) - 1;
    case "ring":
      return Math.abs(Math.sqrt(u * u + v * v) - 0.75) - 0.25;
    case "square":
      return Math.max(Math.abs(u), Math.abs(v)) - 0.8;
    case "triangle":
      // Equilateral: inner radius 0.55, corners at 1.1.
      return Math.max(v, 0.8660254037844386 * Math.abs(u) - 0.5 * v) - 0.55;
    case "cross": {
      const [a, b] = [Math.abs(u), Math.abs(v)];
      return Math.min(Math.max(a - 1, b - 0.32), Math.max(a - 0.32, b - 1));
    }
  }
}
