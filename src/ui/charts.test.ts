// The geometry and data handling of charts, without a screen: joined series, bars, heat map layout, outlines, ticks.
import { describe, expect, test } from "vitest";
import { barLayout } from "./bar-layout";
import { cellAt, heatLayout, indexTicks, maskEdges, shrinkMask, shrinkMax } from "./heatmap-geometry";
import { divisibleRange, joinSeries, nearestPoint } from "./line-data";
import { freeMarks, paretoFront, scatterLayout } from "./scatter-layout";
import { compareCells, sortRows, tableCsv } from "./table-sort";

describe("line series", () => {
  test("different x values are joined; gaps and absences stay apart", () => {
    const joined = joinSeries([
      { name: "a", x: [2, 1, 3], y: [20, 10, null] },
      { name: "b", x: [2.5, Number.NaN], y: [7, 8] },
    ]);
    expect(joined).toEqual({
      x: [1, 2, 2.5, 3],
      columns: [
        [10, 20, undefined, null],
        [undefined, undefined, 7, undefined],
      ],
      hidden: 0,
    });
  });
  test("a log axis hides zeros and counts them", () => {
    const joined = joinSeries([{ name: "a", x: [0, 1, 10], y: [1, 0, 5] }], true, true);
    expect(joined).toEqual({ x: [1, 10], columns: [[null, 5]], hidden: 2 });
  });
  test("the nearest point is by distance in x, not by index", () => {
    const x = [0, 9, 10, 30];
    expect(nearestPoint(x, [1, undefined, undefined, 4], 2)).toBe(0);
    expect(nearestPoint(x, [1, undefined, 3, 4], 1)).toBe(2);
    expect(nearestPoint(x, [null, undefined, undefined, undefined], 1)).toBeUndefined();
  });
  test("a range that is too narrow to divide counts as one value", () => {
    expect(divisibleRange(0.999999998, 1)).toEqual([0.999999998, 0.999999998]);
    expect(divisibleRange(0.99999, 1)).toEqual([0.99999, 1]);
    expect(divisibleRange(-1e-20, 2e-20)).toEqual([-1e-20, 2e-20]);
  });
});

describe("bars", () => {
  test("lengths are proportional on a linear scale and start at zero", () => {
    const { bars } = barLayout({ categories: ["a", "b", "c"], series: [{ values: [10, 5, null] }] }, 400);
    expect(bars[0].width / bars[1].width).toBeCloseTo(2, 10);
    expect(bars[0].x).toBe(bars[1].x);
    expect(bars[2]).toMatchObject({ value: null, width: 0 });
  });
  test("each factor of ten is the same length on a log scale", () => {
    const input = { categories: ["a", "b", "c"], series: [{ values: [1, 10, 100] }], scale: "log" as const };
    const [a, b, c] = barLayout(input, 500).bars.map((bar) => bar.width);
    expect(b - a).toBeCloseTo(c - b, 8);
    expect(a).toBeGreaterThan(0);
  });
  test("negative values grow to the other side of zero", () => {
    const { bars } = barLayout({ categories: ["a", "b"], series: [{ values: [2, -2] }] }, 400);
    expect(bars[0].x).toBeCloseTo(bars[1].x + bars[1].width, 8);
    expect(bars[0].width).toBeCloseTo(bars[1].width, 8);
  });
});

describe("scatter", () => {
  test("the front holds what no other beats, equal points and infinite quality included", () => {
    const points = [
      { x: 3, y: 9 },
      { x: 1, y: 5 },
      { x: 2, y: 4 },
      { x: 2, y: 7 },
      { x: 2, y: 7 },
      { x: 5, y: Number.POSITIVE_INFINITY },
      { x: 4, y: 9 },
      { x: 0, y: Number.NaN },
    ];
    // By definition, point by point: on the front if none is at least as good in both and better in one.
    const isBeaten = (i: number) =>
      points.some(
        (p) => p.x <= points[i].x && p.y >= points[i].y && (p.x < points[i].x || p.y > points[i].y),
      );
    const wanted = points.map((_, i) => i).filter((i) => !Number.isNaN(points[i].y) && !isBeaten(i));
    expect([...paretoFront(points)].sort()).toEqual(wanted);
    expect(paretoFront(points)).toEqual([1, 3, 4, 0, 5]);
  });
  test("dots keep their order and distances, reference lines are in sight, infinity has no place", () => {
    const points = [0.5, 0.7, 0.9].map((x, i) => ({ x, y: [30, 40, Number.POSITIVE_INFINITY][i] }));
    const { dots, lines, plot } = scatterLayout({ points, width: 400, height: 300, lines: [1] });
    const [a, b, c] = dots;
    expect(c).toBeNull();
    expect(b!.y).toBeLessThan(a!.y);
    // 0.2 between the dots, 0.3 from the second to the line.
    expect((lines[0] - b!.x) / (b!.x - a!.x)).toBeCloseTo(1.5, 9);
    expect(lines[0]).toBeLessThan(plot.x1);
    expect(a!.x).toBeGreaterThan(plot.x0);
  });
  test("of marks that would cross, the first ones stand", () => {
    const dots = [{ x: 10, y: 10 }, { x: 14, y: 12 }, { x: 200, y: 10 }, null];
    expect([...freeMarks(dots, ["1", "2", "3", "4"], [1])].sort()).toEqual([1, 2]);
  });
});

const input = {
  rows: 64,
  cols: 64,
  width: 800,
  maxHeight: 480,
  aspect: "square" as const,
  rowTickRoom: 14,
  rowLineRoom: 0,
  hasColLines: false,
};

describe("heat map", () => {
  test("square cells have whole pixels and stay within the height", () => {
    const layout = heatLayout(input);
    expect([layout.cellWidth, layout.cellHeight]).toEqual([7, 7]);
    const narrow = heatLayout({ ...input, width: 330 });
    expect(narrow.x + narrow.plotWidth).toBeLessThanOrEqual(330);
    expect(narrow.cellWidth).toBe(narrow.cellHeight);
    expect(heatLayout({ ...input, rows: 2, cols: 10, aspect: "fill" }).plotHeight).toBe(480);
  });
  test("points map to cells and the margin to none", () => {
    const layout = heatLayout(input);
    expect(cellAt(layout, 64, 64, layout.x + 7 * 5 + 1, layout.y + 1)).toEqual({ row: 0, col: 5 });
    expect(cellAt(layout, 64, 64, layout.x - 1, layout.y + 1)).toBeUndefined();
    expect(cellAt(layout, 64, 64, layout.x + layout.plotWidth + 1, layout.y)).toBeUndefined();
  });
  test("shrinking keeps the largest value and passes over NaN", () => {
    const nan = Number.NaN;
    const data = Float32Array.of(1, 5, nan, nan, 2, 3, nan, nan);
    expect([...shrinkMax(data, 2, 4, 1, 2)]).toEqual([5, nan]);
  });
  test("shrinking a mask loses no marked cell", () => {
    const mask = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1, 0, 0);
    expect([...shrinkMask(mask, 2, 5, 1, 2)]).toEqual([1, 0]);
    expect([...shrinkMask(mask, 2, 5, 2, 2)]).toEqual([0, 0, 1, 0]);
  });
  test("outlines surround the marked cells once", () => {
    // . X X
    // . . X   →  length of the boundary is 8 cell sides
    const edges = maskEdges(Uint8Array.of(0, 1, 1, 0, 0, 1), 2, 3);
    let length = 0;
    for (let i = 0; i < edges.length; i += 4) length += edges[i + 2] - edges[i] + edges[i + 3] - edges[i + 1];
    expect(length).toBe(8);
    expect(edges.slice(0, 4)).toEqual([1, 0, 3, 0]);
    expect(maskEdges(new Uint8Array(6), 2, 3)).toEqual([]);
  });
  test("tick strides are round and leave room", () => {
    expect(indexTicks(10, 20, 16)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(indexTicks(64, 7, 16).slice(0, 3)).toEqual([0, 4, 8]);
    expect(indexTicks(700, 0.5, 16).slice(0, 3)).toEqual([0, 40, 80]);
  });
});

describe("tables", () => {
  const columns = [
    { key: "n", label: "Name", value: (r: [string, number | null]) => r[0] },
    { key: "v", label: "Time", unit: "ms", value: (r: [string, number | null]) => r[1] },
  ];
  const rows: [string, number | null][] = [
    ["head 10", 2],
    ["head 2", null],
    ["head 1", 7],
    ["head 3", Number.NaN],
  ];
  test("text sorts as people count, empty cells stay last both ways", () => {
    expect(sortRows(rows, columns, { key: "n" }).map((r) => r[0])).toEqual([
      "head 1",
      "head 2",
      "head 3",
      "head 10",
    ]);
    expect(sortRows(rows, columns, { key: "v" }).map((r) => r[0])).toEqual([
      "head 10",
      "head 1",
      "head 2",
      "head 3",
    ]);
    expect(sortRows(rows, columns, { key: "v", down: true }).map((r) => r[0])).toEqual([
      "head 1",
      "head 10",
      "head 2",
      "head 3",
    ]);
    expect(compareCells(false, true)).toBeLessThan(0);
  });
  test("CSV has the unit in its header", () => {
    expect(tableCsv(rows.slice(0, 2), columns)).toBe("Name,Time (ms)\r\nhead 10,2\r\nhead 2,\r\n");
  });
});
