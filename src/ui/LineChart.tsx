// A line chart of measured series, with legend, read-out, table view and saving. Drawing is LinePlot's (uPlot).
import { UnstyledButton } from "@mantine/core";
import { type ReactNode, useMemo, useRef, useState } from "react";
import { ChartFrame, framedPicture } from "./ChartFrame";
import { type CsvCell, toCsv } from "./csv";
import { DataTable } from "./DataTable";
import { formatNumber } from "./format";
import classes from "./LineChart.module.css";
import { LinePlot } from "./LinePlot";
import { joinSeries, type LineSeries } from "./line-data";
import { usePalette } from "./palette";
import { EmptyState } from "./states";

export type { LineSeries } from "./line-data";

export interface ReferenceLine {
  axis: "x" | "y";
  at: number;
  label: string;
}

export interface LineChartProps {
  /** Accessible name, and the name of saved files. */
  title: string;
  xLabel: string;
  yLabel: string;
  series: readonly LineSeries[];
  xScale?: "linear" | "log";
  yScale?: "linear" | "log";
  xRange?: [number, number];
  yRange?: [number, number];
  height?: number;
  formatX?(value: number): string;
  formatY?(value: number): string;
  /** Shorter text for the ticks of the y axis, where `formatY` says more than a tick needs. */
  tickY?(value: number): string;
  /** What stands at this x, such as the name of a dot; the first line of the read-out. */
  nameX?(value: number): string;
  lines?: readonly ReferenceLine[];
  /** Why there is nothing to draw. */
  empty?: string;
}

/** Series may have different x values. A press on a legend entry hides its series; drag zooms, double press resets. */
export function LineChart(props: LineChartProps): ReactNode {
  const { title, series } = props;
  const palette = usePalette();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const canvas = useRef<HTMLCanvasElement | null>(null);
  const joined = useMemo(
    () => joinSeries(series, props.xScale === "log", props.yScale === "log"),
    [series, props.xScale, props.yScale],
  );
  if (joined.x.length === 0)
    return <EmptyState title="Nothing to draw" why={props.empty ?? `${title}: no values yet.`} />;

  const colours = series.map((s, i) => s.colour ?? palette.series[i % palette.series.length]);
  const formatX = props.formatX ?? formatNumber;
  const formatY = props.formatY ?? formatNumber;
  const rows = joined.x.map((x, i) => [x, ...joined.columns.map((column) => column[i] ?? null)] as CsvCell[]);
  const labels = [props.xLabel, ...series.map((s) => s.name)];
  const toggle = (name: string): void => {
    const next = new Set(hidden);
    if (!next.delete(name)) next.add(name);
    setHidden(next);
  };
  return (
    <ChartFrame
      title={title}
      csv={() => toCsv(labels, rows)}
      picture={() => {
        const drawn = series
          .map((s, i) => ({ name: s.name, colour: colours[i] }))
          .filter((s) => !hidden.has(s.name));
        return canvas.current && framedPicture(canvas.current, title, drawn, palette, devicePixelRatio);
      }}
      legend={series.map((s, i) => (
        <UnstyledButton
          key={s.name}
          className={classes.entry}
          aria-pressed={!hidden.has(s.name)}
          onClick={() => toggle(s.name)}
        >
          <Swatch colour={colours[i]} series={s} />
          {s.name}
        </UnstyledButton>
      ))}
      table={() => (
        <DataTable<CsvCell[]>
          title={title}
          rows={rows}
          rowKey={(row) => String(row[0])}
          maxHeight={props.height ?? 260}
          columns={labels.map((label, i) => ({
            key: String(i),
            label,
            value: (row) => row[i],
            format: i === 0 ? formatX : formatY,
          }))}
        />
      )}
      chart={(width) => (
        <LinePlot
          {...props}
          width={width}
          joined={joined}
          colours={colours}
          hidden={hidden}
          palette={palette}
          canvas={canvas}
        />
      )}
      foot={
        joined.hidden > 0 &&
        `${joined.hidden} ${joined.hidden === 1 ? "value is" : "values are"} zero or less and have no place on a log axis.`
      }
    />
  );
}

function Swatch(props: { colour: string; series: LineSeries }): ReactNode {
  const { colour, series } = props;
  return (
    <svg width={16} height={8} aria-hidden>
      {series.line !== false && (
        <line
          x1={0}
          x2={16}
          y1={4}
          y2={4}
          stroke={colour}
          strokeWidth={2}
          strokeDasharray={series.dash?.join(" ")}
        />
      )}
      {(series.points || series.line === false) && <circle cx={8} cy={4} r={3} fill={colour} />}
    </svg>
  );
}
