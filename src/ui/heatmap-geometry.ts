// Where the parts of a heat map go, what a pixel shows when cells are smaller than pixels, and the edges of the kept
// cells. Pure; drawing is heatmap-draw.ts.

export interface HeatInput {
  rows: number;
  cols: number;
  /** CSS px there are. */
  width: number;
  /** Most CSS px for the cells. */
  maxHeight: number;
  aspect: "square" | "fill";
  /** Width in px of the longest row tick and of the longest row boundary label. */
  rowTickRoom: number;
  rowLineRoom: number;
  hasColLines: boolean;
}

export interface HeatLayout {
  width: number;
  height: number;
  /** The rectangle of the cells. */
  x: number;
  y: number;
  plotWidth: number;
  plotHeight: number;
  cellWidth: number;
  cellHeight: number;
  /** The colour bar. */
  bar: { x: number; y: number; width: number; height: number };
  /** Where what the colours and outlines mean is written: beside the bar, or below it where that is too narrow. */
  key: { x: number; y: number };
}

/** Px that the colour bar and the entries beside it need at most. */
const KEY_WIDTH = 520;

/** Square cells fill the width until they would exceed the height; "fill" stretches them over width and height. */
export function heatLayout(input: HeatInput): HeatLayout {
  const left = 22 + input.rowTickRoom;
  const right = input.rowLineRoom > 0 ? input.rowLineRoom + 10 : 4;
  const top = input.hasColLines ? 20 : 8;
  const room = Math.max(40, input.width - left - right);
  let plotWidth = room;
  let plotHeight = input.maxHeight;
  if (input.aspect === "square") {
    const cell = Math.min(room / input.cols, input.maxHeight / input.rows, 48);
    // Whole pixels per cell keep the grid even as soon as a cell has some.
    const side = cell >= 3 ? Math.floor(cell) : cell;
    plotWidth = Math.max(1, side * input.cols);
    plotHeight = Math.max(1, side * input.rows);
  }
  const bottom = top + plotHeight + 38;
  const isBeside = input.width - left >= KEY_WIDTH;
  const barWidth = isBeside ? 240 : Math.min(240, room);
  return {
    width: Math.min(input.width, Math.ceil(left + Math.max(plotWidth + right, KEY_WIDTH))),
    height: bottom + (isBeside ? 36 : 54),
    x: left,
    y: top,
    plotWidth,
    plotHeight,
    cellWidth: plotWidth / input.cols,
    cellHeight: plotHeight / input.rows,
    bar: { x: left, y: bottom, width: barWidth, height: 8 },
    key: isBeside ? { x: left + barWidth + 14, y: bottom + 4 } : { x: left, y: bottom + 40 },
  };
}

/** The cell under a point of the figure, or undefined outside the cells. */
export function cellAt(
  layout: HeatLayout,
  rows: number,
  cols: number,
  x: number,
  y: number,
): { row: number; col: number } | undefined {
  const col = Math.floor((x - layout.x) / layout.cellWidth);
  const row = Math.floor((y - layout.y) / layout.cellHeight);
  return row >= 0 && col >= 0 && row < rows && col < cols ? { row, col } : undefined;
}

/** Largest value of each output cell (NaN only where all are NaN), so that no hot cell is lost by shrinking. */
export function shrinkMax(
  data: Float32Array,
  rows: number,
  cols: number,
  outRows: number,
  outCols: number,
): Float32Array {
  const out = new Float32Array(outRows * outCols).fill(Number.NaN);
  const place = placesOf(cols, outCols);
  for (let row = 0; row < rows; row++) {
    const base = Math.floor((row * outRows) / rows) * outCols;
    for (let col = 0, from = row * cols; col < cols; col++) {
      const value = data[from + col];
      const at = base + place[col];
      if (!(out[at] >= value) && !Number.isNaN(value)) out[at] = value;
    }
  }
  return out;
}

/** 1 for each output cell that holds a marked cell. */
export function shrinkMask(
  mask: Uint8Array,
  rows: number,
  cols: number,
  outRows: number,
  outCols: number,
): Uint8Array {
  const out = new Uint8Array(outRows * outCols);
  const place = placesOf(cols, outCols);
  for (let row = 0; row < rows; row++) {
    const base = Math.floor((row * outRows) / rows) * outCols;
    for (let col = 0, from = row * cols; col < cols; col++) if (mask[from + col]) out[base + place[col]] = 1;
  }
  return out;
}

/** Output place of each of `count` cells on `out` places. */
function placesOf(count: number, out: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => Math.floor((i * out) / count));
}

/** Edges between marked and unmarked cells as [col, row, col, row] runs in cell units, joined along straight lines. */
export function maskEdges(mask: Uint8Array, rows: number, cols: number): number[] {
  const edges: number[] = [];
  const marked = (row: number, col: number): boolean =>
    row >= 0 && col >= 0 && row < rows && col < cols && mask[row * cols + col] !== 0;
  for (let row = 0; row <= rows; row++) {
    let start = -1;
    for (let col = 0; col <= cols; col++) {
      const isEdge = col < cols && marked(row - 1, col) !== marked(row, col);
      if (isEdge && start < 0) start = col;
      if (!isEdge && start >= 0) {
        edges.push(start, row, col, row);
        start = -1;
      }
    }
  }
  for (let col = 0; col <= cols; col++) {
    let start = -1;
    for (let row = 0; row <= rows; row++) {
      const isEdge = row < rows && marked(row, col - 1) !== marked(row, col);
      if (isEdge && start < 0) start = row;
      if (!isEdge && start >= 0) {
        edges.push(col, start, col, row);
        start = -1;
      }
    }
  }
  return edges;
}

/** Indices to name along an axis of `count` cells, `cellPx` wide each, with at least `roomPx` between names. */
export function indexTicks(count: number, cellPx: number, roomPx: number): number[] {
  const least = Math.max(1, roomPx / cellPx);
  const power = 10 ** Math.floor(Math.log10(least));
  const stride = Math.max(
    1,
    [1, 2, 4, 5, 8, 10].map((m) => m * power).find((s) => s >= least - 1e-9) ?? 10 * power,
  );
  const ticks: number[] = [];
  for (let i = 0; i < count; i += stride) ticks.push(i);
  return ticks;
}
