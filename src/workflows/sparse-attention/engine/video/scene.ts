// What a generated clip shows: a few moving shapes before a backdrop, drawn from a seed, with the caption that says so.
// Lengths are shares of the shorter side and times are frames, so that one scene fits any size. It draws no pixel.
import { Random } from "../../../../base/random";
import {
  BACKDROPS,
  COLOURS,
  type Colour,
  DIRECTIONS,
  type Direction,
  KINDS,
  type Kind,
  MOTIONS,
  PATTERNS,
  SIZES,
} from "./words";

/** Pixels of a clip; three channels in [-1, 1]. */
export interface ClipSize {
  frames: number;
  height: number;
  width: number;
}

/** How a shape moves; positions are centres in the plane of the scene, x to the right and y down. */
export type Motion =
  | { kind: "stays" }
  /** Reflected at the edges of the scene. */
  | { kind: "bounces"; vx: number; vy: number }
  /** Leaves at one edge and comes back at the other. */
  | { kind: "drifts"; direction: Direction; speed: number }
  /** Turns about its own centre, radians a frame. */
  | { kind: "rotates"; rate: number }
  /** Runs around a point at a distance, radians a frame. */
  | { kind: "orbits"; distance: number; phase: number; rate: number };

export interface Shape {
  kind: Kind;
  colour: Colour;
  size: (typeof SIZES)[number];
  radius: number;
  x: number;
  y: number;
  angle: number;
  motion: Motion;
}

export interface Backdrop {
  tone: (typeof BACKDROPS)[number];
  pattern: (typeof PATTERNS)[number];
  /** Red, green and blue in [-1, 1]. */
  base: readonly [number, number, number];
  /** Waves of the striped pattern: radians per unit length along x and y, and height in units of colour. */
  waveX: number;
  waveY: number;
  phase: number;
  amplitude: number;
}

export interface Scene {
  /** From back to front: a later one covers an earlier one. */
  shapes: readonly Shape[];
  backdrop: Backdrop;
  /** Null: the camera stands still. Speed in lengths a frame. */
  camera: { direction: Direction; speed: number } | null;
  caption: string;
}

/** Steps of a direction along x and y. */
export const STEP: Readonly<Record<Direction, readonly [number, number]>> = {
  left: [-1, 0],
  right: [1, 0],
  up: [0, -1],
  down: [0, 1],
};

/** Width and height of the scene in units of the shorter side. */
export function sceneExtent({ height, width }: ClipSize): { x: number; y: number } {
  const unit = Math.min(height, width);
  return { x: width / unit, y: height / unit };
}

/** Clip number `index` of a seed. The same pair always gives the same scene, at any size of the same aspect. */
export function makeScene(seed: number, index: number, size: ClipSize): Scene {
  const random = new Random(seed, index);
  const extent = sceneExtent(size);
  const isOcclusion = random.uniform() < 0.25;
  const shapes = isOcclusion ? occlusion(random, extent) : free(random, extent);
  const backdrop = makeBackdrop(random);
  const camera =
    random.uniform() < 0.3
      ? { direction: pick(random, DIRECTIONS), speed: between(random, 0.01, 0.025) }
      : null;
  const scene = { shapes, backdrop, camera };
  return { ...scene, caption: captionOf(scene, isOcclusion) };
}

/** The sentence of a scene: its shapes from back to front, the backdrop, the camera. */
function captionOf({ shapes, backdrop, camera }: Omit<Scene, "caption">, isOcclusion: boolean): string {
  const phrases = shapes.map(({ size, colour, kind, motion }) =>
    [size, colour, kind, motion.kind, ...("direction" in motion ? [motion.direction] : [])].join(" "),
  );
  const subjects = phrases.join(isOcclusion ? " behind " : " and ");
  const view = camera ? `, camera pans ${camera.direction}` : "";
  return `${subjects}, ${backdrop.tone} ${backdrop.pattern} backdrop${view}`;
}

/** One to three shapes that move on their own. */
function free(random: Random, extent: { x: number; y: number }): Shape[] {
  const draw = random.uniform();
  const count = draw < 0.4 ? 1 : draw < 0.8 ? 2 : 3;
  return Array.from({ length: count }, () => {
    const shape = makeShape(random, extent);
    return { ...shape, motion: makeMotion(random, shape) };
  });
}

/** A shape that passes behind a large one that stays. */
function occlusion(random: Random, extent: { x: number; y: number }): Shape[] {
  const front: Shape = { ...makeShape(random, extent, "large"), motion: { kind: "stays" } };
  const back = makeShape(random, extent, "small");
  const direction = pick(random, DIRECTIONS);
  const speed = between(random, 0.04, 0.07);
  // Half a radius off the middle of the front shape, so that the way leads behind it.
  const aside = between(random, -0.5, 0.5) * front.radius;
  const [dx] = STEP[direction];
  const place = dx === 0 ? { x: front.x + aside, y: back.y } : { x: back.x, y: front.y + aside };
  return [{ ...back, ...place, motion: { kind: "drifts", direction, speed } }, front];
}

function makeShape(random: Random, extent: { x: number; y: number }, asked?: Shape["size"]): Shape {
  const size = asked ?? pick(random, SIZES);
  const radius = size === "small" ? between(random, 0.11, 0.15) : between(random, 0.19, 0.26);
  return {
    kind: pick(random, KINDS),
    colour: pick(random, COLOURS),
    size,
    radius,
    x: between(random, radius, extent.x - radius),
    y: between(random, radius, extent.y - radius),
    angle: between(random, 0, 2 * Math.PI),
    motion: { kind: "stays" },
  };
}

function makeMotion(random: Random, { kind }: Shape): Motion {
  // A turning circle looks like one that stays.
  const choices = kind === "circle" || kind === "ring" ? MOTIONS.filter((m) => m !== "rotates") : MOTIONS;
  const motion = pick(random, choices);
  const signed = (low: number, high: number): number =>
    between(random, low, high) * (random.uniform() < 0.5 ? -1 : 1);
  switch (motion) {
    case "stays":
      return { kind: "stays" };
    case "bounces":
      return { kind: "bounces", vx: signed(0.02, 0.06), vy: signed(0.02, 0.06) };
    case "drifts":
      return { kind: "drifts", direction: pick(random, DIRECTIONS), speed: between(random, 0.03, 0.06) };
    case "rotates":
      return { kind: "rotates", rate: signed(0.08, 0.2) };
    case "orbits":
      return {
        kind: "orbits",
        distance: between(random, 0.12, 0.22),
        phase: between(random, 0, 2 * Math.PI),
        rate: signed(0.12, 0.25),
      };
  }
}

function makeBackdrop(random: Random): Backdrop {
  const tone = pick(random, BACKDROPS);
  const pattern = pick(random, PATTERNS);
  const channel = (): number => (tone === "dark" ? between(random, -0.8, -0.5) : between(random, 0.15, 0.55));
  const heading = between(random, 0, Math.PI);
  const wave = (2 * Math.PI) / between(random, 0.25, 0.5);
  return {
    tone,
    pattern,
    base: [channel(), channel(), channel()],
    waveX: wave * Math.cos(heading),
    waveY: wave * Math.sin(heading),
    phase: between(random, 0, 2 * Math.PI),
    amplitude: pattern === "plain" ? 0 : 0.2,
  };
}

const between = (random: Random, low: number, high: number): number => low + (high - low) * random.uniform();

function pick<T>(random: Random, options: readonly T[]): T {
  return options[random.below(options.length)];
}
