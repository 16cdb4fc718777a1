// The parts of the video sampler that need no GPU: clips and captions, quality against scikit-image, patches, schedule,
// cost. Pictures are checked by what a person could point at: where a shape is, which colour, which way it went.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { forwardCost, sequenceLength, trainingCost, videoTokenCount } from "./engine/video/cost";
import { gridOf, makePatcher, tokenPositions, videoOrder } from "./engine/video/patches";
import { compareClips } from "./engine/video/quality";
import { clipValues, drawClip, placeAt, renderScene } from "./engine/video/render";
import { type ClipSize, makeScene, type Scene, type Shape, sceneExtent } from "./engine/video/scene";
import { amdahlBound, planSteps, scheduleWork, usesTiers } from "./engine/video/schedule";
import { decodeCaption, encodeCaption, TEXT_TOKENS, WORDS } from "./engine/video/words";
import { SIZES, type VideoConfig } from "./protocol-video";

const SIZE: ClipSize = { frames: 8, height: 24, width: 32 };

describe("clips", () => {
  test("the same seed and index give the same clip, another index another one", () => {
    const first = drawClip(3, 5, SIZE);
    const again = drawClip(3, 5, SIZE, new Float32Array(clipValues(SIZE)).fill(9));
    expect(again).toEqual(first);
    expect(drawClip(3, 6, SIZE).clip).not.toEqual(first.clip);
    expect(drawClip(4, 5, SIZE).clip).not.toEqual(first.clip);
  });

  test("200 clips stay in [-1, 1] and have captions that encode and decode", () => {
    const kinds = new Set<string>();
    for (let i = 0; i < 200; i++) {
      const { clip, caption } = drawClip(11, i, { frames: 3, height: 16, width: 16 });
      let [low, high] = [0, 0];
      for (const value of clip) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
      expect(low).toBeGreaterThanOrEqual(-1);
      expect(high).toBeLessThanOrEqual(1);
      const tokens = encodeCaption(caption);
      expect(decodeCaption(tokens)).toBe(caption.replaceAll(",", ""));
      for (const word of decodeCaption(tokens).split(" ")) kinds.add(word);
    }
    // Every word of the language occurs, so no embedding is left untrained.
    expect([...kinds].sort()).toEqual([...WORDS.slice(1)].sort());
  });

  test("an edge is antialiased: the area of a circle is π r² to half a percent, wherever it lies", () => {
    const size = { frames: 1, height: 64, width: 64 };
    for (const [x, y] of [
      [0.5, 0.5],
      [0.503, 0.497],
      [0.41, 0.56],
    ]) {
      const clip = new Float32Array(clipValues(size));
      renderScene(sceneOf([shape({ kind: "circle", colour: "white", radius: 0.2, x, y })]), size, clip);
      let area = 0;
      for (let i = 0; i < clip.length; i += 3) area += (clip[i] + 0.6) / 1.6; // white over a backdrop of -0.6
      expect(Math.abs(area / (Math.PI * (0.2 * 64) ** 2) - 1)).toBeLessThan(5e-3);
    }
  });

  test("a later shape covers an earlier one, and a pan moves the picture the other way", () => {
    const size = { frames: 3, height: 32, width: 32 };
    const shapes = [
      shape({ kind: "square", colour: "red", radius: 0.3, x: 0.5, y: 0.5 }),
      shape({ kind: "circle", colour: "blue", radius: 0.15, x: 0.5, y: 0.5 }),
    ];
    const clip = new Float32Array(clipValues(size));
    renderScene({ ...sceneOf(shapes), camera: { direction: "right", speed: 0.25 } }, size, clip);
    const pixel = (f: number, y: number, x: number) =>
      Array.from(clip.subarray(((f * 32 + y) * 32 + x) * 3).slice(0, 3));
    const [red, blue] = [
      [0.9, -0.8, -0.8],
      [-0.8, -0.5, 0.95],
    ].map((c) => c.map(Math.fround));
    expect(pixel(1, 16, 16)).toEqual(blue);
    expect(pixel(1, 16, 9)).toEqual(red);
    expect(pixel(0, 16, 24)).toEqual(blue);
    expect(pixel(2, 16, 8)).toEqual(blue);
  });

  test("bouncing shapes stay inside, drifting ones come back, orbits keep their distance", () => {
    const extent = sceneExtent(SIZE);
    for (let i = 0; i < 100; i++) {
      for (const one of makeScene(5, i, SIZE).shapes) {
        const path = Array.from({ length: 60 }, (_, f) => placeAt(one, f, extent));
        expect(path[0].slice(0, 2).map((v) => v.toFixed(9))).toEqual([one.x, one.y].map((v) => v.toFixed(9)));
        const { motion, radius } = one;
        const margin = motion.kind === "bounces" ? radius : motion.kind === "drifts" ? -radius : -0.5;
        for (const axis of [0, 1] as const) {
          const places = path.map((p) => p[axis]);
          expect(Math.min(...places)).toBeGreaterThanOrEqual(margin - 1e-9);
          expect(Math.max(...places)).toBeLessThanOrEqual((axis === 0 ? extent.x : extent.y) - margin + 1e-9);
        }
        if (motion.kind === "drifts") {
          const [along, across] =
            motion.direction === "left" || motion.direction === "right" ? [0, 1] : [1, 0];
          const way =
            (path[1][along] - path[0][along]) *
            (motion.direction === "left" || motion.direction === "up" ? -1 : 1);
          const span = (along === 0 ? extent.x : extent.y) + 2 * radius;
          expect(Math.abs(way < 0 ? way + span : way)).toBeCloseTo(motion.speed, 9);
          expect(path[7][across]).toBe(path[0][across]);
        }
      }
    }
  });

  test("a shape that passes behind meets the one in front within its extent", () => {
    let seen = 0;
    for (let i = 0; i < 200; i++) {
      const { shapes, caption } = makeScene(5, i, SIZE);
      if (!caption.includes("behind")) continue;
      seen++;
      const [back, front] = shapes;
      const across = back.motion.kind === "drifts" && /left|right/.test(back.motion.direction) ? "y" : "x";
      expect(Math.abs(back[across] - front[across])).toBeLessThan(front.radius);
    }
    expect(seen).toBeGreaterThan(25);
  });

  test("captions refuse unknown words by name", () => {
    expect(Array.from(encodeCaption("Small RED circle, bounces."))).toEqual([
      ..."small red circle bounces".split(" ").map((w) => WORDS.indexOf(w)),
      ...new Array(TEXT_TOKENS - 4).fill(0),
    ]);
    expect(encodeCaption("").every((token) => token === 0)).toBe(true);
    expect(() => encodeCaption("red cat stays")).toThrow(/no word "cat"/);
    expect(() => encodeCaption("red ".repeat(65))).toThrow(/at most 64 words, got 65/);
  });
});

describe("quality", () => {
  const golden = JSON.parse(
    readFileSync(new URL("golden/quality/quality.json", import.meta.url), "utf8"),
  ) as { cases: { size: ClipSize; psnr: number[]; ssim: number[] }[] };
  /** The clips of golden/quality/make.py. */
  const pair = (size: ClipSize): [Float32Array, Float32Array] => {
    const n = clipValues(size);
    const a = Float32Array.from({ length: n }, (_, i) => Math.sin(0.37 * i + (0.11 * i * i) / n));
    return [a, a.map((x, i) => x + 0.2 * Math.cos(1.7 * i))];
  };

  test("PSNR and SSIM are those of scikit-image", () => {
    expect(golden.cases).toHaveLength(3);
    for (const { size, psnr, ssim } of golden.cases) {
      const [a, b] = pair(size);
      const got = compareClips(b, a, size);
      // The inputs differ by the rounding of sin and cos at most, one unit in the last place of a few values.
      got.psnr.forEach((value, f) => void expect(Math.abs(value! - psnr[f])).toBeLessThan(1e-5));
      got.ssim.forEach((value, f) => void expect(Math.abs(value - ssim[f])).toBeLessThan(1e-6));
      expect(got.meanPsnr).toBeCloseTo(psnr.reduce((x, y) => x + y) / psnr.length, 5);
      expect(got.meanSsim).toBeCloseTo(ssim.reduce((x, y) => x + y) / ssim.length, 6);
    }
  });

  test("equal clips have SSIM 1 and no PSNR; wrong sizes are refused", () => {
    const size = { frames: 2, height: 8, width: 9 };
    const [a] = pair(size);
    expect(compareClips(a, a, size)).toMatchObject({ psnr: [null, null], meanPsnr: null, meanSsim: 1 });
    expect(() => compareClips(a, a.subarray(1), size)).toThrow(/have 432 values, got 432 and 431/);
    const thin = { frames: 1, height: 6, width: 9 };
    expect(() => compareClips(a.subarray(0, 162), a.subarray(0, 162), thin)).toThrow(
      /at least 7 x 7 pixels, got 6 x 9/,
    );
  });
});

describe("tokens", () => {
  const config: VideoConfig = { frames: 2, height: 16, width: 32, dim: 16, layers: 1, heads: 1 };

  test("patches go to tokens and back, in raster and in tile order", () => {
    const clip = Float32Array.from({ length: clipValues(config) }, (_, i) => i);
    for (const kind of ["raster", "tile-1x8x8", "tile-4x4x4"] as const) {
      const order = videoOrder(config, kind);
      expect(Array.from(order).sort((a, b) => a - b)).toEqual(Array.from({ length: 64 }, (_, i) => i));
      const patcher = makePatcher(config, order);
      const tokens = new Float32Array(patcher.size);
      patcher.toTokens(clip, tokens);
      const back = new Float32Array(clip.length);
      patcher.toClip(tokens, back);
      expect(back).toEqual(clip);
      const positions = tokenPositions(config, order);
      for (const place of [0, 9, 37, 63]) {
        const [f, y, x] = positions.subarray(3 * place, 3 * place + 3);
        expect(order[place]).toBe((f * 4 + y) * 8 + x);
        // First value of the patch: the red one of its upper left pixel.
        expect(tokens[place * 48]).toBe(((f * 16 + 4 * y) * 32 + 4 * x) * 3);
        // Second row of the patch, third pixel, green.
        expect(tokens[place * 48 + 12 + 7]).toBe(((f * 16 + 4 * y + 1) * 32 + 4 * x + 2) * 3 + 1);
      }
      expect(positions.subarray(3 * 64).every((value) => value === 0)).toBe(true);
      expect(positions).toHaveLength(3 * (64 + TEXT_TOKENS));
    }
    expect(gridOf(config)).toMatchObject({ frames: 2, height: 4, width: 8, text: 64 });
  });

  test("sizes have the tokens and the arithmetic of the report", () => {
    expect(Object.values(SIZES).map(videoTokenCount)).toEqual([512, 1024, 4096, 4096, 16_384]);
    expect(sequenceLength(SIZES.S)).toBe(4160);
    // Without the caption's block: 61 GF forward, 209 GF of training, 84 % attention.
    const s = forwardCost(SIZES.S);
    const without = (length: number) => (length / 4160) ** 2;
    expect((s.attention * without(4096)) / 1e9).toBeCloseTo(51.5, 1);
    expect(s.total / 1e9).toBeGreaterThan(61);
    expect(s.total / 1e9).toBeLessThan(64);
    expect(s.attention / s.total).toBeCloseTo(0.84, 2);
    expect(trainingCost(SIZES.S) / 1e9).toBeGreaterThan(209);
    expect(trainingCost(SIZES.S) / 1e9).toBeLessThan(219);
  });
});

describe("schedule", () => {
  const paper = {
    sparsity: 0.8,
    denseSteps: 10,
    searches: "10,30",
    rule: "adaspa",
    tiers: true,
    lseReuse: true,
    firstSearch: "two-pass",
  } as const;

  test("the paper's default: nine dense, a two-pass search, sparse, a cached search at 30, sparse", () => {
    const plans = planSteps(50, paper);
    expect(plans.map((p) => p.step)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    const words = plans.map((p) => `${p.output}${p.search === "none" ? "" : ` ${p.search}`}`);
    expect(words).toEqual([
      ...new Array(9).fill("dense"),
      "dense two-pass",
      ...new Array(19).fill("sparse"),
      "sparse cached",
      ...new Array(20).fill("sparse"),
    ]);
    // 9 + 1.5 + 39·0.2 + 0.7 = 19 of 50 dense steps, two half passes of it for the search.
    const work = scheduleWork(plans, 0.2);
    expect(work.attention * 50).toBeCloseTo(19, 9);
    expect(work.search * 50).toBeCloseTo(1, 9);
    // 500 of 600 PFLOP are attention: the report's bound of 2.07.
    expect(amdahlBound(500 / 600, work.attention)).toBeCloseTo(2.07, 2);
  });

  test("without reuse every search is dense, without searches all is, and a late warm-up holds the mask back", () => {
    const at = (settings: object, step: number) => planSteps(50, { ...paper, ...settings })[step - 1];
    expect(at({ lseReuse: false }, 30)).toEqual({ step: 30, output: "dense", search: "two-pass" });
    expect(planSteps(50, { ...paper, searches: "" }).every((p) => p.output === "dense")).toBe(true);
    expect(at({ denseSteps: 0, searches: "1" }, 1)).toEqual({ step: 1, output: "dense", search: "two-pass" });
    expect(at({ denseSteps: 0, searches: "1" }, 2)).toEqual({ step: 2, output: "sparse", search: "none" });
    expect(at({ denseSteps: 0, searches: "4" }, 3).output).toBe("dense");
    expect(at({ denseSteps: 20 }, 15).output).toBe("dense");
    expect(at({ denseSteps: 35 }, 30)).toEqual({ step: 30, output: "dense", search: "cached" });
    expect(at({ firstSearch: "one-pass" }, 10).search).toBe("one-pass");
  });

  test("impossible schedules are refused with what to change", () => {
    expect(() => planSteps(20, paper)).toThrow("searches: steps count from 1 to 20, got 30");
    expect(() => planSteps(50, { ...paper, searches: "0,10" })).toThrow("got 0");
    expect(() => planSteps(50, { ...paper, searches: "1", firstSearch: "one-pass" })).toThrow(
      /dense step before/,
    );
    expect(() => planSteps(50, { ...paper, sparsity: 0.2 })).toThrow(/at least 1\/3, got 0.2/);
    expect(usesTiers({ ...paper, rule: "random" })).toBe(false);
  });
});

function shape(parts: Partial<Shape>): Shape {
  return {
    kind: "circle",
    colour: "red",
    size: "large",
    radius: 0.2,
    x: 0.5,
    y: 0.5,
    angle: 0,
    motion: { kind: "stays" },
    ...parts,
  };
}

function sceneOf(shapes: Shape[]): Scene {
  const backdrop = {
    tone: "dark",
    pattern: "plain",
    base: [-0.6, -0.6, -0.6],
    waveX: 0,
    waveY: 0,
    phase: 0,
    amplitude: 0,
  } as const;
  return { shapes, backdrop, camera: null, caption: "" };
}
