// Draws a heat map on a canvas: cells, outlines of marked cells, boundaries, ticks, colour bar. It holds no state.
import { COLORMAPS, type ColormapName, colourIndex } from "./colormaps";
import { formatTick, type ValueScale } from "./format";
import { type HeatLayout, indexTicks, maskEdges, shrinkMask, shrinkMax } from "./heatmap-geometry";
import type { Palette } from "./palette";

export interface Boundary {
  /** Before this row or column. */
  at: number;
  label?: string;
}

export interface HeatPicture {
  data: Float32Array;
  rows: number;
  cols: number;
  rowLabel: string;
  colLabel: string;
  valueLabel: string;
  map: ColormapName;
  scale: ValueScale;
  mask?: Uint8Array;
  maskLabel: string;
  rowLines: readonly Boundary[];
  colLines: readonly Boundary[];
  rowNames?: readonly string[];
  colNames?: readonly string[];
  /** Data holds values that the scale has no place for. */
  hasNone: boolean;
}

export const HEAT_FONT = "11px Inter, sans-serif";
/** From this size in CSS px on, marked cells are outlined; smaller ones stand out because the rest is dimmed. */
const OUTLINE_FROM = 4;

/** Draws the whole figure for `ratio` device pixels per CSS px; the canvas must have the size of the layout. */
export function drawHeatmap(
  context: CanvasRenderingContext2D,
  picture: HeatPicture,
  layout: HeatLayout,
  palette: Palette,
  ratio: number,
): void {
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, layout.width, layout.height);
  drawCells(context, picture, layout, palette, ratio);
  if (picture.mask) drawMask(context, picture, layout);
  drawBoundaries(context, picture, layout, palette);
  drawTicks(context, picture, layout, palette);
  drawColourBar(context, picture, layout, palette);
}

function drawCells(
  context: CanvasRenderingContext2D,
  picture: HeatPicture,
  layout: HeatLayout,
  palette: Palette,
  ratio: number,
): void {
  const rows = Math.min(picture.rows, Math.max(1, Math.round(layout.plotHeight * ratio)));
  const cols = Math.min(picture.cols, Math.max(1, Math.round(layout.plotWidth * ratio)));
  const isShrunk = rows < picture.rows || cols < picture.cols;
  const values = isShrunk
    ? shrunk(shrinkMax, picture.data, picture.rows, picture.cols, rows, cols)
    : picture.data;
  const isDimmed = picture.mask !== undefined && Math.min(layout.cellWidth, layout.cellHeight) < OUTLINE_FROM;
  const image = new ImageData(cols, rows);
  const pixels = new Uint32Array(image.data.buffer);
  const table = colourTable(picture.map);
  const none = packed(noneColour(palette));
  const missing = packed(palette.line);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    const position = picture.scale.at(value);
    pixels[i] = Number.isNaN(value) ? missing : Number.isNaN(position) ? none : table[colourIndex(position)];
  }
  if (isDimmed && picture.mask) dim(image.data, picture.mask, picture, rows, cols, palette);
  const cells = document.createElement("canvas");
  cells.width = cols;
  cells.height = rows;
  cells.getContext("2d")?.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(cells, layout.x, layout.y, layout.plotWidth, layout.plotHeight);
}

/** The last shrunk form of an array: lines, outlines and colours then change without a walk over all its cells. */
const shrunkForms = new WeakMap<object, { size: string; form: Float32Array | Uint8Array }>();

function shrunk<A extends Float32Array | Uint8Array>(
  shrink: (data: A, rows: number, cols: number, outRows: number, outCols: number) => A,
  data: A,
  rows: number,
  cols: number,
  outRows: number,
  outCols: number,
): A {
  const size = `${rows} ${cols} ${outRows} ${outCols}`;
  const known = shrunkForms.get(data);
  if (known?.size === size) return known.form as A;
  const form = shrink(data, rows, cols, outRows, outCols);
  shrunkForms.set(data, { size, form });
  return form;
}

/** Fades every output pixel without a marked cell towards the surface. */
function dim(
  data: Uint8ClampedArray,
  mask: Uint8Array,
  picture: HeatPicture,
  rows: number,
  cols: number,
  palette: Palette,
): void {
  const kept = shrunk(shrinkMask, mask, picture.rows, picture.cols, rows, cols);
  const [r, g, b] = rgb(palette.surface);
  for (let i = 0; i < kept.length; i++) {
    if (kept[i]) continue;
    data[4 * i] = data[4 * i] * 0.35 + r * 0.65;
    data[4 * i + 1] = data[4 * i + 1] * 0.35 + g * 0.65;
    data[4 * i + 2] = data[4 * i + 2] * 0.35 + b * 0.65;
  }
}

function drawMask(context: CanvasRenderingContext2D, picture: HeatPicture, layout: HeatLayout): void {
  if (!picture.mask || Math.min(layout.cellWidth, layout.cellHeight) < OUTLINE_FROM) return;
  const edges = maskEdges(picture.mask, picture.rows, picture.cols);
  const path = new Path2D();
  for (let i = 0; i < edges.length; i += 4) {
    path.moveTo(layout.x + edges[i] * layout.cellWidth, layout.y + edges[i + 1] * layout.cellHeight);
    path.lineTo(layout.x + edges[i + 2] * layout.cellWidth, layout.y + edges[i + 3] * layout.cellHeight);
  }
  // Dark below light: the outline stays visible on every colour of the map.
  context.lineCap = "square";
  context.strokeStyle = "rgb(0 0 0 / 55%)";
  context.lineWidth = 2.5;
  context.stroke(path);
  context.strokeStyle = "#ffffff";
  context.lineWidth = 1.2;
  context.stroke(path);
}

function drawBoundaries(
  context: CanvasRenderingContext2D,
  picture: HeatPicture,
  layout: HeatLayout,
  palette: Palette,
): void {
  const { x, y, plotWidth, plotHeight } = layout;
  const lines = new Path2D();
  for (const at of spacedOut(picture.rowLines, picture.rows, layout.cellHeight)) {
    lines.moveTo(x, y + at * layout.cellHeight);
    lines.lineTo(x + plotWidth, y + at * layout.cellHeight);
  }
  for (const at of spacedOut(picture.colLines, picture.cols, layout.cellWidth)) {
    lines.moveTo(x + at * layout.cellWidth, y);
    lines.lineTo(x + at * layout.cellWidth, y + plotHeight);
  }
  context.strokeStyle = "rgb(0 0 0 / 40%)";
  context.lineWidth = 2;
  context.stroke(lines);
  context.strokeStyle = "rgb(255 255 255 / 75%)";
  context.lineWidth = 0.8;
  context.setLineDash([4, 3]);
  context.stroke(lines);
  context.setLineDash([]);

  context.font = HEAT_FONT;
  context.fillStyle = palette.quiet;
  context.textAlign = "left";
  context.textBaseline = "top";
  let free = Number.NEGATIVE_INFINITY;
  for (const { at, label } of [...picture.rowLines].sort((a, b) => a.at - b.at)) {
    const top = y + at * layout.cellHeight;
    if (!label || top < free || at >= picture.rows) continue;
    context.fillText(label, x + plotWidth + 6, top);
    free = top + 14;
  }
  free = Number.NEGATIVE_INFINITY;
  for (const { at, label } of [...picture.colLines].sort((a, b) => a.at - b.at)) {
    const left = x + at * layout.cellWidth;
    const width = label ? context.measureText(label).width : 0;
    if (!label || left < free || at >= picture.cols || left + width > layout.width) continue;
    context.fillText(label, left, y - 16);
    free = left + width + 8;
  }
}

/** Lines closer than this many px would hide the cells; of a crowd only some are drawn, and always the last one. */
const LINE_GAP = 7;

/** Positions inside the picture, ascending, at least `LINE_GAP` px apart; the last one has precedence. */
function spacedOut(lines: readonly Boundary[], count: number, cellPx: number): number[] {
  const inside = lines.map((line) => line.at).filter((at) => at > 0 && at < count);
  const shown: number[] = [];
  for (const at of inside.sort((a, b) => b - a)) {
    const next = shown.at(-1) ?? Number.POSITIVE_INFINITY;
    if ((next - at) * cellPx >= LINE_GAP) shown.push(at);
  }
  return shown.reverse();
}

function drawTicks(
  context: CanvasRenderingContext2D,
  picture: HeatPicture,
  layout: HeatLayout,
  palette: Palette,
): void {
  const { x, y, plotWidth, plotHeight } = layout;
  context.font = HEAT_FONT;
  context.fillStyle = palette.quiet;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const row of indexTicks(picture.rows, layout.cellHeight, 16)) {
    context.fillText(picture.rowNames?.[row] ?? String(row), x - 6, y + (row + 0.5) * layout.cellHeight);
  }
  context.textAlign = "center";
  const names = picture.colNames ?? [String(picture.cols - 1)];
  const room = Math.max(...names.map((name) => context.measureText(name).width)) + 12;
  for (const col of indexTicks(picture.cols, layout.cellWidth, room)) {
    context.fillText(
      picture.colNames?.[col] ?? String(col),
      x + (col + 0.5) * layout.cellWidth,
      y + plotHeight + 10,
    );
  }
  context.fillText(picture.colLabel, x + plotWidth / 2, y + plotHeight + 25);
  context.save();
  context.translate(8, y + plotHeight / 2);
  context.rotate(-Math.PI / 2);
  context.fillText(picture.rowLabel, 0, 0);
  context.restore();
}

function drawColourBar(
  context: CanvasRenderingContext2D,
  picture: HeatPicture,
  layout: HeatLayout,
  palette: Palette,
): void {
  const { x, y, width, height } = layout.bar;
  const table = COLORMAPS[picture.map];
  const gradient = context.createLinearGradient(x, 0, x + width, 0);
  for (let i = 0; i < 32; i++) {
    const at = 3 * Math.round((i * 255) / 31);
    gradient.addColorStop(i / 31, `rgb(${table[at]} ${table[at + 1]} ${table[at + 2]})`);
  }
  context.fillStyle = gradient;
  context.fillRect(x, y, width, height);
  context.font = HEAT_FONT;
  context.fillStyle = palette.quiet;
  context.textBaseline = "top";
  context.textAlign = "center";
  const { ticks } = picture.scale;
  const step = picture.scale.isLog || ticks.length < 2 ? 0 : ticks[1] - ticks[0];
  let free = Number.NEGATIVE_INFINITY;
  for (const tick of ticks) {
    const at = x + picture.scale.at(tick) * width;
    const text = formatTick(tick, step);
    const half = context.measureText(text).width / 2;
    context.fillRect(Math.min(at, x + width - 0.5) - 0.5, y + height, 1, 3);
    if (at - half < free) continue;
    context.fillText(text, at, y + height + 6);
    free = at + half + 6;
  }
  context.textAlign = "left";
  context.textBaseline = "middle";
  let next = layout.key.x;
  const middle = layout.key.y;
  const entry = (text: string, swatch?: () => void): void => {
    const textWidth = context.measureText(text).width;
    const shift = swatch ? 15 : 0;
    if (next + shift + textWidth > layout.width) return;
    if (swatch) swatch();
    context.fillStyle = palette.quiet;
    context.fillText(text, next + shift, middle + 0.5);
    next += shift + textWidth + 14;
  };
  entry(picture.valueLabel);
  if (picture.hasNone) {
    entry("zero or less", () => {
      context.fillStyle = noneColour(palette);
      context.fillRect(next, middle - 5, 10, 10);
      context.strokeStyle = palette.lineStrong;
      context.lineWidth = 1;
      context.strokeRect(next + 0.5, middle - 4.5, 9, 9);
    });
  }
  if (picture.mask) {
    const isOutlined = Math.min(layout.cellWidth, layout.cellHeight) >= OUTLINE_FROM;
    const outline = (): void => {
      context.fillStyle = palette.quiet;
      context.fillRect(next, middle - 5, 10, 10);
      context.strokeStyle = "#ffffff";
      context.lineWidth = 1.5;
      context.strokeRect(next + 1.5, middle - 3.5, 7, 7);
    };
    if (isOutlined) entry(`${picture.maskLabel} (outlined)`, outline);
    else entry(`not ${picture.maskLabel}: dimmed`);
  }
}

/** Colour of values a log scale cannot show. */
function noneColour(palette: Palette): string {
  return palette.page;
}

function colourTable(map: ColormapName): Uint32Array {
  const bytes = COLORMAPS[map];
  return Uint32Array.from({ length: 256 }, (_, i) => pack(bytes[3 * i], bytes[3 * i + 1], bytes[3 * i + 2]));
}

function rgb(hex: string): [number, number, number] {
  const value = Number.parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** One opaque pixel of an ImageData seen as little-endian words, which all machines with a browser are. */
function pack(r: number, g: number, b: number): number {
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

function packed(hex: string): number {
  return pack(...rgb(hex));
}
