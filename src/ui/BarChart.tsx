// Grouped bars as SVG with the numbers printed beside them, table view and saving. Horizontal unless asked otherwise.
import { type ReactNode, useMemo, useRef } from "react";
import classes from "./BarChart.module.css";
import { type BarLayout, barLayout } from "./bar-layout";
import { ChartFrame, framedPicture } from "./ChartFrame";
import { type CsvCell, toCsv } from "./csv";
import { DataTable } from "./DataTable";
import { formatNumber } from "./format";
import { type Palette, usePalette } from "./palette";
import { rasterise } from "./rasterise";
import { EmptyState } from "./states";

export interface BarSeries {
  name: string;
  /** One per category; null is "not measured". */
  values: readonly (number | null)[];
  colour?: string;
  /** Hatched, for what is computed rather than measured. */
  hatched?: boolean;
}

export interface BarChartProps {
  title: string;
  categories: readonly string[];
  series: readonly BarSeries[];
  valueLabel: string;
  unit?: string;
  vertical?: boolean;
  scale?: "linear" | "log";
  lines?: readonly { at: number; label: string }[];
  format?(value: number): string;
  /** Height of a vertical chart; a horizontal one grows with its bars. */
  height?: number;
  /** Why there is nothing to draw. */
  empty?: string;
}

export function BarChart(props: BarChartProps): ReactNode {
  const { title, categories, series } = props;
  const palette = usePalette();
  const svg = useRef<SVGSVGElement>(null);
  const format = props.format ?? formatNumber;
  const hasValue = series.some((s) => s.values.some((v) => v !== null && Number.isFinite(v)));
  const rows = useMemo(
    () => categories.map((name, i) => [name, ...series.map((s) => s.values[i] ?? null)] as CsvCell[]),
    [categories, series],
  );
  if (!hasValue)
    return <EmptyState title="Nothing to draw" why={props.empty ?? `${title}: no values yet.`} />;
  const colours = series.map((s, i) => s.colour ?? palette.series[i % palette.series.length]);
  const unit = props.unit ? ` (${props.unit})` : "";
  const labels = ["", ...series.map((s) => (series.length === 1 ? props.valueLabel : s.name) + unit)];
  const legend = series.map((s, i) => ({ name: s.name, colour: colours[i] }));
  return (
    <ChartFrame
      title={title}
      csv={() => toCsv(["category", ...labels.slice(1)], rows)}
      picture={async () =>
        svg.current &&
        framedPicture(
          await rasterise(svg.current, 2),
          `${title}: ${props.valueLabel}${unit}`,
          legend,
          palette,
          2,
        )
      }
      legend={
        series.length > 1 &&
        series.map((s, i) => (
          <span key={s.name} className={classes.entry}>
            <svg width={12} height={12} aria-hidden>
              <rect
                width={12}
                height={12}
                rx={2}
                fill={colours[i]}
                fillOpacity={s.hatched ? 0.35 : 1}
                stroke={colours[i]}
              />
            </svg>
            {s.name}
          </span>
        ))
      }
      table={() => (
        <DataTable<CsvCell[]>
          title={title}
          rows={rows}
          rowKey={(row) => String(row[0])}
          columns={labels.map((label, i) => ({
            key: String(i),
            label: label || "Case",
            value: (row) => row[i],
            format,
            wide: i === 0,
          }))}
        />
      )}
      chart={(width) => {
        const layout = barLayout(props, width);
        return (
          <svg
            ref={svg}
            width={width}
            height={layout.height}
            role="img"
            aria-label={`${title}: ${props.valueLabel}${unit}. The table view has the numbers.`}
          >
            <Bars {...props} layout={layout} colours={colours} palette={palette} format={format} />
          </svg>
        );
      }}
      foot={`${props.valueLabel}${unit}${props.scale === "log" ? ", log scale" : ""}`}
    />
  );
}

interface BarsProps extends BarChartProps {
  layout: BarLayout;
  colours: readonly string[];
  palette: Palette;
  format(value: number): string;
}

function Bars(props: BarsProps): ReactNode {
  const { layout, palette, format } = props;
  const font = { fontSize: 12, fontFamily: "Inter, sans-serif", fill: palette.quiet };
  const { x0, y0, x1, y1 } = layout.plot;
  return (
    <>
      {layout.ticks.map((tick) => (
        <g key={tick.text}>
          {props.vertical ? (
            <line x1={x0} x2={x1} y1={tick.at} y2={tick.at} stroke={palette.grid} />
          ) : (
            <line x1={tick.at} x2={tick.at} y1={y0} y2={y1} stroke={palette.grid} />
          )}
          <text
            {...font}
            x={props.vertical ? x0 - 6 : tick.at}
            y={props.vertical ? tick.at + 4 : y1 + 16}
            textAnchor={props.vertical ? "end" : "middle"}
          >
            {tick.text}
          </text>
        </g>
      ))}
      {layout.names.map((name) => (
        <text
          key={name.text}
          {...font}
          fill={palette.ink}
          x={name.x}
          y={name.y}
          textAnchor={props.vertical ? "middle" : "end"}
        >
          {name.text}
          <title>{name.full}</title>
        </text>
      ))}
      {layout.bars.map((bar) => {
        const series = props.series[bar.series];
        const colour = props.colours[bar.series];
        const label = `${props.categories[bar.category]}, ${series.name}: ${bar.value === null ? "not measured" : format(bar.value)}`;
        return (
          <g key={`${bar.category}-${bar.series}`}>
            <rect
              x={bar.x}
              y={bar.y}
              width={Math.max(0, bar.width)}
              height={Math.max(0, bar.height)}
              rx={2}
              fill={colour}
              fillOpacity={series.hatched ? 0.3 : 1}
              stroke={series.hatched ? colour : "none"}
              strokeDasharray={series.hatched ? "3 2" : undefined}
            >
              <title>{label}</title>
            </rect>
            <text
              {...font}
              fontSize={11}
              x={bar.textX}
              y={bar.textY}
              textAnchor={props.vertical ? "middle" : "start"}
            >
              {bar.value === null ? "not measured" : format(bar.value)}
            </text>
          </g>
        );
      })}
      {layout.lines.map((line) => (
        <g key={line.label}>
          {props.vertical ? (
            <line x1={x0} x2={x1} y1={line.at} y2={line.at} stroke={palette.ink} strokeDasharray="4 4" />
          ) : (
            <line x1={line.at} x2={line.at} y1={y0} y2={y1} stroke={palette.ink} strokeDasharray="4 4" />
          )}
          <text
            {...font}
            fontSize={11}
            x={props.vertical ? x1 : line.at}
            y={props.vertical ? line.at - 4 : y0 - 5}
            textAnchor={props.vertical ? "end" : "middle"}
          >
            {line.label}
          </text>
        </g>
      ))}
    </>
  );
}
