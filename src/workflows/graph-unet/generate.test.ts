// Data sets: what is in the files, that every run holds its gates, and that a broken set goes on to the same bytes.
import { beforeAll, describe, expect, test } from "vitest";
import { defaults } from "../../base/params";
import { plainContext } from "../../base/task";
import { memoryFolder } from "../../formats/folder";
import { openNpz } from "../../formats/npz";
import { bytesSource } from "../../formats/source";
import { type Card, cardText } from "./engine/data/card";
import { discMesh, encodeRun } from "./engine/data/encode";
import { generate, makeRun, slotsOf, smoothRun } from "./engine/data/generate";
import { drawPlate, FRAMES, SHAPES, STEP } from "./engine/data/plate";
import { GATES, simulate } from "./engine/data/simulate";
import { boundaryEdges } from "./engine/fem/mesh";
import { params, type SetParams } from "./protocol";

const settings: SetParams = { ...defaults(params), cells: 4, perCell: 7, seed: 3 };
/** Of all splits, shapes and Poisson ratios a few. */
const slots = slotsOf(settings.perCell).filter((_, i) => i % 8 === 0);
const folder = memoryFolder("set");
let card: Card;

beforeAll(async () => {
  const stop = new AbortController();
  const context = plainContext({
    signal: stop.signal,
    report: ({ done }) => {
      if (done === 9) stop.abort();
    },
  });
  await expect(generate(settings, folder, context, slots)).rejects.toMatchObject({ code: "cancelled" });
  const broken = JSON.parse(new TextDecoder().decode(folder.files.get("card.json"))) as Card;
  expect(broken).toMatchObject({ isComplete: false, sha256: null });
  expect(broken.runs.length).toBe(10);
  card = await generate(settings, folder, plainContext(), slots);
});

const file = (name: string): Uint8Array => folder.files.get(name)!;

test("the whole set is split as in GGNS", () => {
  const slots = slotsOf(35);
  const count = (split: string) => slots.filter((slot) => slot.split === split).length;
  expect([count("train"), count("validation"), count("test")]).toEqual([675, 135, 135]);
  expect(new Set(slots.map(({ file }) => file)).size).toBe(945);
  expect(slots[26].fixed).toEqual({ ...SHAPES[0], poisson: 0 });
});

test("discs are 15 to 60 % of the edge wide, most of them in the middle, and come down on the top", () => {
  const draws = Array.from({ length: 2000 }, (_, i) => drawPlate({ ...SHAPES[0], poisson: 0 }, 1, i));
  const mean = draws.reduce((sum, { radius }) => sum + radius, 0) / draws.length;
  const spread = Math.sqrt(draws.reduce((sum, { radius }) => sum + (radius - mean) ** 2, 0) / draws.length);
  expect(mean).toBeCloseTo(0.375, 2);
  // Of a symmetric triangular law: width / sqrt(24).
  expect(spread).toBeCloseTo(0.45 / Math.sqrt(24), 2);
  for (const { radius, x } of draws) {
    expect(radius > 0.15 && radius < 0.6).toBe(true);
    expect(Math.abs(x - SHAPES[0].shift)).toBeLessThanOrEqual(SHAPES[0].top / 2);
  }
});

test("the disc's mesh has 57 nodes and is round", () => {
  const { positions: p, triangles } = discMesh();
  expect(p.length / 2).toBe(57);
  let area = 0;
  for (let t = 0; t < triangles.length; t += 3) {
    const [a, b, c] = [...triangles.subarray(t, t + 3)].map((n) => 2 * n);
    const part = ((p[b] - p[a]) * (p[c + 1] - p[a + 1]) - (p[b + 1] - p[a + 1]) * (p[c] - p[a])) / 2;
    expect(part).toBeGreaterThan(0);
    area += part;
  }
  expect(area).toBeCloseTo(16 * Math.sin(Math.PI / 16), 12);
  expect(boundaryEdges({ positions: p, triangles }).length / 2).toBe(32);
});

describe("a set that was broken off and gone on with", () => {
  test("is complete, past every gate, and says so", () => {
    expect(card).toMatchObject({ isComplete: true, counts: { train: 17, validation: 4, test: 3 } });
    expect(card.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(folder.files.size).toBe(slots.length + 2);
    for (const { figures } of card.runs) {
      expect(figures.residual).toBeLessThanOrEqual(GATES.residual);
      expect(figures.volume).toBeGreaterThan(0);
      expect(figures.gap).toBeGreaterThan(0);
      expect(figures.parts).toBeGreaterThanOrEqual(FRAMES - 1);
    }
    expect(card.gates.find(({ gate }) => gate === "volume")!.worst).toBe(
      Math.min(...card.runs.map(({ figures }) => figures.volume)),
    );
    expect(card.dropped).toBe(card.runs.flatMap(({ dropped }) => dropped).length);
    expect(new TextDecoder().decode(file("card.md"))).toBe(cardText(card));
  });

  test("has the bytes that each run gives alone, before and after the break", () => {
    for (const at of [0, 9, 10, 23]) {
      const slot = slots[at];
      expect(encodeRun(makeRun(slot, settings).run, settings)).toEqual(file(slot.file));
    }
  });

  test("reads as one mesh of plate and disc", async () => {
    const npz = await openNpz(bytesSource(file("train-0000.npz"), "train-0000.npz"));
    const read = async (name: string) => npz.read(name);
    const [world, rest, types, cells, stress] = await Promise.all(
      ["world_pos", "mesh_pos", "node_type", "cells", "stress"].map(read),
    );
    expect(world).toMatchObject({ dtype: "F32", shape: [FRAMES, 25 + 57, 2] });
    expect(stress.shape).toEqual([FRAMES, 82, 1]);
    expect(cells.shape).toEqual([32 + 80, 3]);
    expect([...types.data].map(Number)).toEqual([
      ...Array(5).fill(3),
      ...Array(20).fill(0),
      ...Array(57).fill(1),
    ]);
    const at = (frame: number, node: number, axis: number): number =>
      Number(world.data[(frame * 82 + node) * 2 + axis]);
    for (let i = 0; i < rest.data.length; i++) expect(world.data[i]).toBe(rest.data[i]);
    for (let node = 0; node < 5; node++) expect(at(49, node, 1)).toBe(-1);
    expect(at(49, 25, 1) - at(0, 25, 1)).toBeCloseTo(-49 * STEP, 5);
    expect(at(49, 25, 0)).toBe(at(0, 25, 0));
    expect(Math.max(...[...stress.data].map(Number))).toBeGreaterThan(100);
  });

  test("gives the same hash again, and makes a cut or missing file again", async () => {
    const before = file(slots[22].file);
    folder.files.set(slots[22].file, before.subarray(0, 100));
    folder.files.delete(slots[3].file);
    expect((await generate(settings, folder, plainContext(), slots)).sha256).toBe(card.sha256);
    expect(file(slots[22].file)).toEqual(before);
  });

  test("is not mixed with another", async () => {
    const other = generate({ ...settings, seed: 4, cells: 8 }, folder, plainContext(), slots);
    await expect(other).rejects.toMatchObject({
      code: "data-folder",
      fields: { changed: ["cells", "seed"] },
    });
    const bare = memoryFolder("bare", { "train-0000.npz": Uint8Array.of(1) });
    await expect(generate(settings, bare, plainContext(), slots)).rejects.toMatchObject({
      code: "data-folder",
    });
  });
});

test("a plate that snaps misses a gate, or is pressed less deep in as many frames", () => {
  const snapping = { ...SHAPES[1], poisson: 0, radius: 0.5, x: 0.3, step: STEP };
  const small = { cells: 4, law: "split", state: "plane-stress" } as const;
  const { miss, figures } = simulate(snapping, small);
  expect(miss).toBe(null);
  expect(figures.jump).toBeGreaterThan(2 * GATES.jump);
  expect(figures.work).toBeGreaterThan(0.1);
  const cut = simulate(snapping, small, false);
  expect(cut.miss).toMatchObject({ gate: "snap" });
  const slower = smoothRun(snapping, { ...settings, ...small });
  expect(slower.miss).toBe(null);
  expect(slower.plate.step * (FRAMES - 1)).toBeLessThanOrEqual(STEP * (cut.miss!.frame - 2) + 1e-12);
  expect(slower.figures.work).toBeLessThan(0.01);
  expect(slower.figures.jump).toBeLessThan(GATES.jump);
});

test("a run that cannot be solved tells the frame", () => {
  const broken = { ...SHAPES[1], poisson: 0, radius: 0.3, x: 0, step: 0.6 };
  const { miss } = simulate(broken, { cells: 4, law: "corotational", state: "plane-stress" });
  expect(miss).toMatchObject({ gate: "unsolved" });
});
