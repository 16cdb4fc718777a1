// Draws joined series with uPlot and keeps the read-out at the cursor; pointer moves never re-render React.
import { type KeyboardEvent, type ReactNode, type RefObject, useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { formatNumber, formatTick } from "./format";
import type { LineChartProps } from "./LineChart";
import classes from "./LineChart.module.css";
import { divisibleRange, type Joined, nearestPoint } from "./line-data";
import type { Palette } from "./palette";

interface Props extends LineChartProps {
  width: number;
  joined: Joined;
  colours: readonly string[];
  hidden: ReadonlySet<string>;
  palette: Palette;
  /** Receives the canvas, for saving. */
  canvas: RefObject<HTMLCanvasElement | null>;
}

export function LinePlot(props: Props): ReactNode {
  const host = useRef<HTMLDivElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  const live = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const latest = useRef(props);
  latest.current = props;
  // Everything that shapes the plot but the data and the width; a change of it builds the plot anew.
  const shape = JSON.stringify([
    props.series.map((s) => [s.name, s.dash, s.points, s.line, s.x.length <= 40]),
    props.colours,
    [...props.hidden],
    [
      props.xLabel,
      props.yLabel,
      props.xScale,
      props.yScale,
      props.xRange,
      props.yRange,
      props.height,
      props.lines,
    ],
    props.palette.ink,
  ]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `shape` stands for all the props read here
  useEffect(() => {
    if (!host.current) return;
    const built = new uPlot(
      plotOptions(latest.current, () => showTip(built, latest.current, tip.current, live.current)),
      plotData(latest.current.joined),
      host.current,
    );
    plot.current = built;
    latest.current.canvas.current = built.ctx.canvas;
    return () => {
      built.destroy();
      plot.current = undefined;
    };
  }, [shape]);
  useEffect(() => plot.current?.setData(plotData(props.joined)), [props.joined]);
  useEffect(
    () => plot.current?.setSize({ width: props.width, height: props.height ?? 260 }),
    [props.width, props.height],
  );

  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
    const u = plot.current;
    if (!u || (step === undefined && event.key !== "Escape")) return;
    event.preventDefault();
    if (step === undefined) {
      u.setCursor({ left: -10, top: -10 });
      return;
    }
    const x = props.joined.x;
    const index = Math.min(x.length - 1, Math.max(0, (u.cursor.idx ?? (step > 0 ? -1 : x.length)) + step));
    u.setCursor({ left: u.valToPos(x[index], "x"), top: u.over.clientHeight / 2 });
  };
  const label = `${props.title}: ${props.yLabel} over ${props.xLabel}, ${props.series.length} series. Arrow keys read values.`;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys read the values out
    <div className={classes.plot} role="application" aria-label={label} tabIndex={0} onKeyDown={onKeyDown}>
      <div ref={host} style={{ height: props.height ?? 260 }} />
      <div ref={tip} className={classes.tip} hidden />
      <div ref={live} className={classes.live} aria-live="polite" />
    </div>
  );
}

function plotData(joined: Joined): uPlot.AlignedData {
  return [joined.x, ...joined.columns] as uPlot.AlignedData;
}

function plotOptions(props: Props, onCursor: () => void): uPlot.Options {
  const { palette, lines = [] } = props;
  const axis = (
    label: string,
    kind: string | undefined,
    format: ((v: number) => string) | undefined,
  ): uPlot.Axis => ({
    label,
    stroke: palette.quiet,
    font: "12px Inter, sans-serif",
    labelFont: "12px Inter, sans-serif",
    labelSize: 20,
    labelGap: 2,
    gap: 4,
    grid: { stroke: palette.grid, width: 1 },
    ticks: { show: false },
    border: { show: false },
    values: (_, splits) => {
      const step = splits.length > 1 && kind !== "log" ? Math.abs(splits[1] - splits[0]) : 0;
      return splits.map((v) => (v === null ? "" : (format?.(v) ?? formatTick(v, step))));
    },
  });
  const scale = (kind: "linear" | "log" | undefined, range: [number, number] | undefined): uPlot.Scale => ({
    time: false,
    distr: kind === "log" ? 3 : 1,
    ...(range && { range: () => range }),
  });
  // uPlot's own padding of a y axis, on a range that it can divide.
  const padded: Pick<uPlot.Scale, "range"> = {
    range: (_, low, high) =>
      low === null || high === null ? [null, null] : uPlot.rangeNum(...divisibleRange(low, high), 0.1, true),
  };
  return {
    width: props.width,
    height: props.height ?? 260,
    padding: [8, 20, 0, 0],
    legend: { show: false },
    scales: {
      x: scale(props.xScale, props.xRange),
      y: { ...(props.yScale === "log" ? {} : padded), ...scale(props.yScale, props.yRange) },
    },
    axes: [
      { ...axis(props.xLabel, props.xScale, props.formatX), size: 28 },
      {
        ...axis(props.yLabel, props.yScale, props.tickY ?? props.formatY),
        size: (_, values) => 16 + 6.6 * Math.max(2, ...(values ?? []).map((v) => v.length)),
      },
    ],
    cursor: {
      y: false,
      drag: { x: true, y: false },
      points: { size: 7, fill: (_, i) => props.colours[i - 1], width: 0 },
      dataIdx: (u, i, at) => nearestPoint(u.data[0] as number[], u.data[i] as (number | null)[], at) ?? at,
    },
    series: [
      {},
      ...props.series.map((s, i): uPlot.Series => {
        const hasDots = s.points ?? (s.line === false || s.x.length <= 40);
        return {
          label: s.name,
          show: !props.hidden.has(s.name),
          stroke: props.colours[i],
          width: s.line === false ? 0 : 2,
          dash: s.dash ? [...s.dash] : undefined,
          points: {
            show: hasDots,
            size: s.line === false ? 8 : 5,
            fill: props.colours[i],
            stroke: props.colours[i],
          },
          ...(s.line === false && { paths: () => null }),
        };
      }),
    ],
    hooks: {
      setCursor: [onCursor],
      draw: [
        (u) => {
          for (const line of lines) drawReference(u, line, palette);
        },
      ],
    },
  };
}

function drawReference(
  u: uPlot,
  line: { axis: "x" | "y"; at: number; label: string },
  palette: Palette,
): void {
  const { ctx, bbox } = u;
  const at = Math.round(u.valToPos(line.at, line.axis, true));
  const isX = line.axis === "x";
  const low = isX ? bbox.left : bbox.top;
  if (!(at >= low && at <= low + (isX ? bbox.width : bbox.height))) return;
  ctx.save();
  ctx.strokeStyle = palette.quiet;
  ctx.fillStyle = palette.quiet;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(isX ? at : bbox.left, isX ? bbox.top : at);
  ctx.lineTo(isX ? at : bbox.left + bbox.width, isX ? bbox.top + bbox.height : at);
  ctx.stroke();
  ctx.font = `${11 * devicePixelRatio}px Inter, sans-serif`;
  const gap = 5 * devicePixelRatio;
  const isNearEnd = isX && at + gap + ctx.measureText(line.label).width > bbox.left + bbox.width;
  ctx.textAlign = isX && !isNearEnd ? "left" : "right";
  if (isX) ctx.fillText(line.label, isNearEnd ? at - gap : at + gap, bbox.top + 11 * devicePixelRatio);
  else ctx.fillText(line.label, bbox.left + bbox.width - gap, at - gap);
  ctx.restore();
}

function showTip(u: uPlot, props: Props, tip: HTMLDivElement | null, live: HTMLDivElement | null): void {
  if (!tip || !live) return;
  const { idx, left = -1 } = u.cursor;
  tip.hidden = idx == null || left < 0;
  if (idx == null || left < 0) return;
  const formatX = props.formatX ?? formatNumber;
  const formatY = props.formatY ?? formatNumber;
  const x = props.joined.x[idx];
  const name = props.nameX ? `${props.nameX(x)}: ` : "";
  const head = `${name}${props.xLabel} ${formatX(x)}`;
  const parts: { name: string; colour: string; text: string }[] = [];
  props.series.forEach((s, i) => {
    const column = props.joined.columns[i];
    const at = nearestPoint(props.joined.x, column, idx);
    const value = at === undefined ? null : column[at];
    if (props.hidden.has(s.name) || at === undefined || value == null) return;
    const isElsewhere = at !== idx && Math.abs(u.valToPos(props.joined.x[at], "x") - left) > 24;
    if (!isElsewhere) parts.push({ name: s.name, colour: props.colours[i], text: formatY(value) });
  });
  tip.replaceChildren(
    textElement("div", head, props.palette.quiet),
    ...parts.map(({ name, colour, text }) => {
      const row = document.createElement("div");
      row.append(
        textElement("span", "● ", colour),
        textElement("span", `${name} `),
        textElement("strong", text),
      );
      return row;
    }),
  );
  live.textContent = [head, ...parts.map((p) => `${p.name} ${p.text}`)].join(", ");
  const plotLeft = u.over.offsetLeft + left;
  const isRight = plotLeft + tip.offsetWidth + 24 > props.width;
  tip.style.transform = `translate(${isRight ? plotLeft - tip.offsetWidth - 12 : plotLeft + 12}px, ${u.over.offsetTop + 8}px)`;
}

function textElement(tag: "div" | "span" | "strong", text: string, colour?: string): HTMLElement {
  const element = document.createElement(tag);
  element.textContent = text;
  if (colour) element.style.color = colour;
  return element;
}
