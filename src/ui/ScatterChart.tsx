// A scatter chart as SVG: named points that can be chosen, those that no other beats joined as a front, table view and
// saving. Less x and more y is better. It computes no value.
import { type KeyboardEvent, type ReactNode, useRef } from "react";
import { ChartFrame, framedPicture } from "./ChartFrame";
import { type CsvCell, toCsv } from "./csv";
import { DataTable } from "./DataTable";
import { formatNumber } from "./format";
import { type Palette, usePalette } from "./palette";
import { rasterise } from "./rasterise";
import classes from "./ScatterChart.module.css";
import { freeMarks, paretoFront, type ScatterLayout, scatterLayout } from "./scatter-layout";
import { EmptyState } from "./states";

export interface ScatterPoint {
  key: string;
  /** What the point is, in full. */
  name: string;
  /** A few characters that stand beside the dot. */
  mark: string;
  x: number;
  /** Infinity has no place in the chart and beats every other value. */
  y: number;
}

export interface ScatterChartProps {
  title: string;
  xLabel: string;
  yLabel: string;
  points: readonly ScatterPoint[];
  /** Key of the chosen point. */
  chosen?: string;
  onChoose?(key: string): void;
  /** Vertical reference lines. */
  lines?: readonly { at: number; label: string }[];
  formatX?(value: number): string;
  formatY?(value: number): string;
  height?: number;
  foot?: ReactNode;
  /** Why there is nothing to draw. */
  empty?: string;
}

/** Arrow keys go from point to point by x. */
export function ScatterChart(props: ScatterChartProps): ReactNode {
  const { title, points, xLabel, yLabel } = props;
  const palette = usePalette();
  const svg = useRef<SVGSVGElement>(null);
  const front = paretoFront(points);
  const rows = points.map((p, i): CsvCell[] => [p.mark, p.name, p.x, p.y, front.includes(i)]);
  const labels = ["Point", "Name", xLabel, yLabel, "On the front"];
  const height = props.height ?? 340;
  if (!points.some((p) => Number.isFinite(p.x) && Number.isFinite(p.y)))
    return <EmptyState title="Nothing to draw" why={props.empty ?? `${title}: no values yet.`} />;
  return (
    <ChartFrame
      title={title}
      csv={() => toCsv(labels, rows)}
      picture={async () =>
        svg.current &&
        framedPicture(
          await rasterise(svg.current, 2),
          title,
          [{ name: "On the Pareto front", colour: palette.series[0] }],
          palette,
          2,
        )
      }
      legend={
        <>
          <Entry label="On the Pareto front">
            <circle cx={8} cy={6} r={5} fill={palette.series[0]} />
          </Entry>
          <Entry label="Another is faster and no worse">
            <circle cx={8} cy={6} r={4.5} fill={palette.surface} stroke={palette.quiet} strokeWidth={1.5} />
          </Entry>
        </>
      }
      table={() => (
        <DataTable<CsvCell[]>
          title={title}
          rows={rows}
          rowKey={(row) => String(row[0])}
          maxHeight={height}
          columns={labels.map((label, i) => ({
            key: String(i),
            label,
            value: (row) => row[i],
            format: i === 2 ? props.formatX : props.formatY,
            wide: i === 1,
          }))}
        />
      )}
      chart={(width) => {
        const lines = props.lines ?? [];
        const layout = scatterLayout({ ...props, width, height, lines: lines.map((l) => l.at) });
        return (
          // biome-ignore lint/a11y/useSemanticElements: a group of buttons inside a picture is no form field
          <svg
            ref={svg}
            width={width}
            height={height}
            role="group"
            aria-label={`${title}: ${yLabel} over ${xLabel}, ${points.length} points. Arrow keys go from one to the next.`}
          >
            <Axes {...props} layout={layout} palette={palette} />
            <Dots {...props} layout={layout} palette={palette} front={front} />
          </svg>
        );
      }}
      foot={props.foot}
    />
  );
}

function Entry(props: { label: string; children: ReactNode }): ReactNode {
  return (
    <span className={classes.entry}>
      <svg width={16} height={12} aria-hidden>
        {props.children}
      </svg>
      {props.label}
    </span>
  );
}

interface Drawn extends ScatterChartProps {
  layout: ScatterLayout;
  palette: Palette;
}

function Axes({ layout, palette, xLabel, yLabel, lines = [] }: Drawn): ReactNode {
  const { x0, y0, x1, y1 } = layout.plot;
  const font = { fontSize: 12, fontFamily: "Inter, sans-serif", fill: palette.quiet };
  return (
    <g aria-hidden>
      {layout.yTicks.map((tick) => (
        <g key={tick.text}>
          <line x1={x0} x2={x1} y1={tick.at} y2={tick.at} stroke={palette.grid} />
          <text {...font} x={x0 - 6} y={tick.at + 4} textAnchor="end">
            {tick.text}
          </text>
        </g>
      ))}
      {layout.xTicks.map((tick) => (
        <g key={tick.text}>
          <line x1={tick.at} x2={tick.at} y1={y0} y2={y1} stroke={palette.grid} />
          <text {...font} x={tick.at} y={y1 + 16} textAnchor="middle">
            {tick.text}
          </text>
        </g>
      ))}
      <text {...font} x={(x0 + x1) / 2} y={y1 + 36} textAnchor="middle">
        {xLabel}
      </text>
      <text {...font} textAnchor="middle" transform={`translate(12 ${(y0 + y1) / 2}) rotate(-90)`}>
        {yLabel}
      </text>
      {lines.map((line, i) => (
        <g key={line.label}>
          <line
            x1={layout.lines[i]}
            x2={layout.lines[i]}
            y1={y0}
            y2={y1}
            stroke={palette.quiet}
            strokeDasharray="4 4"
          />
          <text
            {...font}
            fontSize={11}
            x={layout.lines[i]}
            y={y0 - 6}
            textAnchor={layout.lines[i] > (x0 + x1) / 2 ? "end" : "start"}
          >
            {line.label}
          </text>
        </g>
      ))}
    </g>
  );
}

function Dots(props: Drawn & { front: readonly number[] }): ReactNode {
  const { points, layout, palette, front, chosen, onChoose } = props;
  const { dots } = layout;
  const formatX = props.formatX ?? formatNumber;
  const formatY = props.formatY ?? formatNumber;
  const drawn = points
    .map((_, i) => i)
    .filter((i) => dots[i])
    .sort((a, b) => points[a].x - points[b].x);
  const free = freeMarks(
    dots,
    points.map((p) => p.mark),
    front,
  );
  const isChosen = (i: number): boolean => points[i].key === chosen;
  // One of them is reached by the tab key, the arrow keys do the rest.
  const entry = drawn.find(isChosen) ?? drawn[0];
  const onKeyDown = (event: KeyboardEvent<SVGGElement>, i: number): void => {
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (step === undefined && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    const to = drawn[drawn.indexOf(i) + (step ?? 0)];
    if (to === undefined) return;
    onChoose?.(points[to].key);
    event.currentTarget.ownerSVGElement?.querySelector<SVGGElement>(`[data-point="${to}"]`)?.focus();
  };
  const corners = front.flatMap((i) => dots[i] ?? []);
  const path = corners.map(({ x, y }, n) => (n === 0 ? `M${x} ${y}` : `H${x}V${y}`)).join("");
  return (
    <>
      <path d={path} fill="none" stroke={palette.series[0]} strokeWidth={1.5} strokeOpacity={0.55} />
      {drawn.map((i) => {
        const { key, name, mark, x, y } = points[i];
        const dot = dots[i]!;
        const isBest = front.includes(i);
        const label = `Point ${mark}: ${name}; ${formatX(x)}, ${formatY(y)}${isBest ? "; on the Pareto front" : ""}`;
        return (
          // biome-ignore lint/a11y/useSemanticElements: an SVG has no button element
          <g
            key={key}
            data-point={i}
            className={classes.dot}
            role="button"
            tabIndex={i === entry ? 0 : -1}
            aria-pressed={isChosen(i)}
            aria-label={label}
            onClick={() => onChoose?.(key)}
            onKeyDown={(event) => onKeyDown(event, i)}
          >
            <title>{label}</title>
            <circle cx={dot.x} cy={dot.y} r={12} fill="transparent" />
            {isChosen(i) && (
              <circle cx={dot.x} cy={dot.y} r={9} fill="none" stroke={palette.ink} strokeWidth={1.5} />
            )}
            <circle
              cx={dot.x}
              cy={dot.y}
              r={5}
              fill={isBest ? palette.series[0] : palette.surface}
              stroke={isBest ? palette.series[0] : palette.quiet}
              strokeWidth={1.5}
            />
            {(free.has(i) || isChosen(i)) && (
              <text
                x={dot.x + 9}
                y={dot.y - 7}
                fontSize={11}
                fontFamily="Inter, sans-serif"
                fontWeight={isChosen(i) ? 600 : 400}
                fill={isBest || isChosen(i) ? palette.ink : palette.quiet}
              >
                {mark}
              </text>
            )}
          </g>
        );
      })}
    </>
  );
}
