// A heat map of a matrix: own canvas, perceptual colours, keyboard cursor, read-out, table view, saving. It keeps only
// the cursor; pixels come from heatmap-draw.ts and never pass through React.
import { type KeyboardEvent, type MouseEvent, type ReactNode, useEffect, useMemo, useRef } from "react";
import { ChartFrame, framedPicture } from "./ChartFrame";
import type { ColormapName } from "./colormaps";
import { toCsv } from "./csv";
import { finiteRange, formatNumber, valueScale } from "./format";
import classes from "./Heatmap.module.css";
import { HeatmapTable } from "./HeatmapTable";
import { type Boundary, drawHeatmap, HEAT_FONT, type HeatPicture } from "./heatmap-draw";
import { cellAt, type HeatLayout, heatLayout } from "./heatmap-geometry";
import { type Palette, usePalette } from "./palette";
import { EmptyState } from "./states";

export type { Boundary } from "./heatmap-draw";

export interface HeatCell {
  row: number;
  col: number;
  value: number;
  marked: boolean;
}

export interface HeatmapProps {
  title: string;
  /** rows × cols, row-major; compared by identity: hand in a new array to redraw. */
  data: Float32Array;
  rows: number;
  cols: number;
  rowLabel: string;
  colLabel: string;
  valueLabel: string;
  unit?: string;
  map?: ColormapName;
  /** On a log scale zeros and negative values have a colour of their own. */
  scale?: "linear" | "log";
  range?: [number, number];
  /** 1 for cells to outline; same size as the data. */
  mask?: Uint8Array;
  maskLabel?: string;
  rowLines?: readonly Boundary[];
  colLines?: readonly Boundary[];
  rowNames?: readonly string[];
  colNames?: readonly string[];
  aspect?: "square" | "fill";
  /** Most CSS px for the cells. */
  height?: number;
  format?(value: number): string;
  /** What the read-out says of a cell, in lines; names, value and mark when left out. */
  words?(cell: HeatCell): string;
  onHover?(cell: HeatCell | null): void;
  onSelect?(cell: HeatCell): void;
  selected?: { row: number; col: number };
  /** Why there is nothing to draw. */
  empty?: string;
}

export function Heatmap(props: HeatmapProps): ReactNode {
  const { title, data, rows, cols, mask } = props;
  const palette = usePalette();
  const canvas = useRef<HTMLCanvasElement | null>(null);
  const isLog = props.scale === "log";
  const [low, high] = props.range ?? [undefined, undefined];
  const { map = "viridis", maskLabel = "marked", rowLines, colLines, rowNames, colNames } = props;
  const { rowLabel, colLabel, valueLabel, unit } = props;
  // The walks over all cells, apart from what changes more often.
  const found = useMemo(() => {
    const range = finiteRange(data, isLog);
    return range || finiteRange(data) ? { range, hasNone: isLog && data.some((v) => v <= 0) } : undefined;
  }, [data, isLog]);
  const picture = useMemo((): HeatPicture | undefined => {
    if (!found) return undefined;
    const [least, most] = found.range ?? [0, 1];
    return {
      data,
      rows,
      cols,
      map,
      mask,
      maskLabel,
      rowLines: rowLines ?? [],
      colLines: colLines ?? [],
      rowNames,
      colNames,
      rowLabel,
      colLabel,
      scale: valueScale(isLog ? "log" : "linear", low ?? least, high ?? most),
      hasNone: found.hasNone,
      valueLabel: unit ? `${valueLabel} (${unit})` : valueLabel,
    };
  }, [
    found,
    data,
    rows,
    cols,
    map,
    mask,
    maskLabel,
    rowLines,
    colLines,
    rowNames,
    colNames,
    rowLabel,
    colLabel,
    isLog,
    low,
    high,
    unit,
    valueLabel,
  ]);
  if (rows * cols === 0 || data.length < rows * cols || !picture) {
    return <EmptyState title="Nothing to draw" why={props.empty ?? `${title}: no values yet.`} />;
  }
  const names = (given: readonly string[] | undefined, count: number): string[] =>
    Array.from({ length: count }, (_, i) => given?.[i] ?? String(i));
  return (
    <ChartFrame
      title={title}
      csv={() =>
        toCsv(
          [`${props.rowLabel} \\ ${props.colLabel}`, ...names(props.colNames, cols)],
          names(props.rowNames, rows).map((name, row) => [
            name,
            ...data.subarray(row * cols, (row + 1) * cols),
          ]),
        )
      }
      picture={() => canvas.current && framedPicture(canvas.current, title, [], palette, devicePixelRatio)}
      table={() => <HeatmapTable {...props} />}
      chart={(width) => (
        <HeatCanvas {...props} width={width} picture={picture} palette={palette} canvas={canvas} />
      )}
    />
  );
}

interface CanvasProps extends HeatmapProps {
  width: number;
  picture: HeatPicture;
  palette: Palette;
  canvas: { current: HTMLCanvasElement | null };
}

function HeatCanvas(props: CanvasProps): ReactNode {
  const { picture, palette, width, rows, cols, selected } = props;
  const overlay = useRef<HTMLCanvasElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  const live = useRef<HTMLDivElement>(null);
  const cursor = useRef<{ row: number; col: number } | undefined>(selected);
  const layout = useMemo(
    () => measured(picture, width, props.height ?? 480, props.aspect ?? "square"),
    [picture, width, props.height, props.aspect],
  );

  useEffect(() => {
    let isCurrent = true;
    const draw = (): void => {
      const context = isCurrent && sized(props.canvas.current, layout);
      if (context) drawHeatmap(context, picture, layout, palette, devicePixelRatio);
    };
    draw();
    // Text drawn before the typeface has arrived is drawn again when it has.
    if (document.fonts.status !== "loaded") void document.fonts.ready.then(draw);
    return () => {
      isCurrent = false;
    };
  }, [picture, layout, palette, props.canvas]);
  useEffect(() => {
    cursor.current = selected;
    drawCursor(overlay.current, layout, selected);
  }, [selected, layout]);

  const show = (cell: { row: number; col: number } | undefined, isSpoken: boolean): void => {
    cursor.current = cell ?? cursor.current;
    drawCursor(overlay.current, layout, cell ?? selected);
    const full = cell && readCell(props, cell);
    if (tip.current) placeTip(tip.current, props, layout, full);
    if (live.current && full && isSpoken) live.current.textContent = cellWords(props, full);
    props.onHover?.(full ?? null);
  };
  const onPointer = (event: MouseEvent): { row: number; col: number } | undefined => {
    const box = event.currentTarget.getBoundingClientRect();
    return cellAt(layout, rows, cols, event.clientX - box.left, event.clientY - box.top);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const at = cursor.current ?? { row: 0, col: 0 };
    const isFirst = cursor.current === undefined;
    const step = moveFor(event.key, at, rows, cols);
    if (event.key === "Enter" || event.key === " ") props.onSelect?.(readCell(props, at));
    else if (event.key === "Escape") show(undefined, false);
    else if (step) show(isFirst ? at : step, true);
    else return;
    event.preventDefault();
  };
  const label = `${props.title}: ${props.valueLabel}, ${rows} ${props.rowLabel} by ${cols} ${props.colLabel}. Arrow keys read cells.`;
  return (
    <div
      className={classes.map}
      role="application"
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys read the cells out
      tabIndex={0}
      style={{ width: layout.width, height: layout.height }}
      data-select={props.onSelect ? true : undefined}
      onKeyDown={onKeyDown}
      onBlur={() => show(undefined, false)}
      onPointerDown={(event) => show(onPointer(event), false)}
      onPointerMove={(event) => show(onPointer(event), false)}
      onPointerLeave={() => show(undefined, false)}
      onClick={(event) => {
        const cell = onPointer(event);
        if (cell) props.onSelect?.(readCell(props, cell));
      }}
    >
      <canvas ref={props.canvas} className={classes.canvas} aria-hidden />
      <canvas ref={overlay} className={classes.canvas} aria-hidden />
      <div ref={tip} className={classes.tip} hidden />
      <div ref={live} className={classes.live} aria-live="polite" />
    </div>
  );
}

/** The layout, once the labels that need room have been measured. */
function measured(
  picture: HeatPicture,
  width: number,
  maxHeight: number,
  aspect: "square" | "fill",
): HeatLayout {
  const context = document.createElement("canvas").getContext("2d");
  const widest = (texts: readonly string[]): number => {
    if (!context) return 40;
    context.font = HEAT_FONT;
    return Math.min(width * 0.3, Math.max(0, ...texts.map((text) => context.measureText(text).width)));
  };
  return heatLayout({
    rows: picture.rows,
    cols: picture.cols,
    width,
    maxHeight,
    aspect,
    rowTickRoom: widest(picture.rowNames ?? [String(picture.rows - 1)]),
    rowLineRoom: widest(picture.rowLines.map((line) => line.label ?? "")),
    hasColLines: picture.colLines.some((line) => line.label),
  });
}

/** Gives the canvas the layout's size in device pixels. */
function sized(canvas: HTMLCanvasElement | null, layout: HeatLayout): CanvasRenderingContext2D | null {
  if (!canvas) return null;
  const width = Math.round(layout.width * devicePixelRatio);
  const height = Math.round(layout.height * devicePixelRatio);
  // Setting a size, even the same one, makes the browser allocate anew: too dear for every move of the pointer.
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  canvas.style.width = `${layout.width}px`;
  canvas.style.height = `${layout.height}px`;
  return canvas.getContext("2d");
}

function drawCursor(
  canvas: HTMLCanvasElement | null,
  layout: HeatLayout,
  cell: { row: number; col: number } | undefined,
): void {
  const context = sized(canvas, layout);
  if (!context) return;
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  context.clearRect(0, 0, layout.width, layout.height);
  if (!cell) return;
  const width = Math.max(layout.cellWidth, 5);
  const height = Math.max(layout.cellHeight, 5);
  const x = layout.x + (cell.col + 0.5) * layout.cellWidth - width / 2;
  const y = layout.y + (cell.row + 0.5) * layout.cellHeight - height / 2;
  context.lineWidth = 3;
  context.strokeStyle = "#000000";
  context.strokeRect(x, y, width, height);
  context.lineWidth = 1.5;
  context.strokeStyle = "#ffffff";
  context.strokeRect(x, y, width, height);
}

function moveFor(
  key: string,
  at: { row: number; col: number },
  rows: number,
  cols: number,
): { row: number; col: number } | undefined {
  const page = Math.max(1, Math.round(rows / 10));
  const moves: Record<string, [number, number]> = {
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
    PageUp: [-page, 0],
    PageDown: [page, 0],
    Home: [0, -cols],
    End: [0, cols],
  };
  const move = moves[key];
  if (!move) return undefined;
  return {
    row: Math.min(rows - 1, Math.max(0, at.row + move[0])),
    col: Math.min(cols - 1, Math.max(0, at.col + move[1])),
  };
}

function readCell(props: HeatmapProps, { row, col }: { row: number; col: number }): HeatCell {
  const at = row * props.cols + col;
  return { row, col, value: props.data[at], marked: props.mask?.[at] === 1 };
}

function cellWords(props: HeatmapProps, cell: HeatCell): string {
  if (props.words) return props.words(cell);
  const row = `${props.rowLabel} ${props.rowNames?.[cell.row] ?? cell.row}`;
  const col = `${props.colLabel} ${props.colNames?.[cell.col] ?? cell.col}`;
  const value = `${(props.format ?? formatNumber)(cell.value)}${props.unit ? ` ${props.unit}` : ""}`;
  const mark = props.mask ? `, ${cell.marked ? "" : "not "}${props.maskLabel ?? "marked"}` : "";
  return `${row}, ${col}: ${value}${mark}`;
}

function placeTip(
  tip: HTMLDivElement,
  props: HeatmapProps,
  layout: HeatLayout,
  cell: HeatCell | undefined,
): void {
  tip.hidden = !cell;
  if (!cell) return;
  tip.textContent = cellWords(props, cell);
  const x = layout.x + (cell.col + 1) * layout.cellWidth + 10;
  const y = layout.y + (cell.row + 1) * layout.cellHeight + 8;
  const left = Math.max(0, Math.min(x, layout.width - tip.offsetWidth));
  const isLow = y + tip.offsetHeight > layout.y + layout.plotHeight + 30;
  const top = isLow ? layout.y + cell.row * layout.cellHeight - tip.offsetHeight - 8 : y;
  tip.style.transform = `translate(${left}px, ${Math.max(0, top)}px)`;
}
