// The frame all charts share: chart or table, saving as CSV and PNG, a quiet foot line. It draws no chart.
import { ActionIcon, Menu, Tooltip } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { IconChartDots, IconDownload, IconTable } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import classes from "./ChartFrame.module.css";
import { fileStem } from "./csv";
import type { Palette } from "./palette";
import { saveBytes, saveCanvas } from "./save";
import { toast } from "./toasts";

interface Props {
  title: string;
  /** The chart for a width in CSS px; called once the width is known. */
  chart(width: number): ReactNode;
  table(): ReactNode;
  csv(): string;
  /** The picture to save, or null while nothing is drawn. */
  picture(): HTMLCanvasElement | null | Promise<HTMLCanvasElement | null>;
  legend?: ReactNode;
  foot?: ReactNode;
}

/** Table view shows the same numbers as the chart, readable without seeing it. */
export function ChartFrame(props: Props): ReactNode {
  const [isTable, setTable] = useState(false);
  const { ref, width } = useElementSize();
  const stem = fileStem(props.title);
  const savePicture = async (): Promise<void> => {
    try {
      const canvas = await props.picture();
      if (canvas) saveCanvas(`${stem}.png`, canvas);
      else toast.warn("There is no picture to save yet: switch to the chart first.");
    } catch (error) {
      toast.error(error, { title: "The picture was not saved" });
    }
  };
  const switchLabel = isTable ? `${props.title}: show as chart` : `${props.title}: show as table`;
  return (
    <figure className={classes.figure} aria-label={props.title}>
      <div className={classes.head}>
        <div className={classes.legend}>{props.legend}</div>
        <div className={classes.tools}>
          <Tooltip label={isTable ? "Show as chart" : "Show as table"}>
            <ActionIcon
              size={26}
              aria-label={switchLabel}
              aria-pressed={isTable}
              onClick={() => setTable(!isTable)}
            >
              {isTable ? <IconChartDots size={16} aria-hidden /> : <IconTable size={16} aria-hidden />}
            </ActionIcon>
          </Tooltip>
          <Menu position="bottom-end">
            <Menu.Target>
              <ActionIcon size={26} aria-label={`${props.title}: save`}>
                <IconDownload size={16} aria-hidden />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item onClick={() => saveBytes(`${stem}.csv`, props.csv(), "text/csv")}>
                Numbers as CSV
              </Menu.Item>
              <Menu.Item disabled={isTable} onClick={() => void savePicture()}>
                Picture as PNG
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
        </div>
      </div>
      <div ref={ref} className={classes.stage}>
        {isTable ? props.table() : width > 0 && props.chart(Math.floor(width))}
      </div>
      {props.foot && <figcaption className={classes.foot}>{props.foot}</figcaption>}
    </figure>
  );
}

/** A canvas with the chart on the surface colour, its title above and the legend below. `scale` is device px per px. */
export function framedPicture(
  source: CanvasImageSource & { width: number; height: number },
  title: string,
  legend: readonly { name: string; colour: string }[],
  palette: Palette,
  scale: number,
): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  const pad = 16 * scale;
  const line = 22 * scale;
  canvas.width = source.width + 2 * pad;
  canvas.height = source.height + 2 * pad + line + (legend.length > 0 ? line : 0);
  const context = canvas.getContext("2d");
  if (!context) return canvas;
  context.fillStyle = palette.surface;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = palette.ink;
  context.font = `600 ${14 * scale}px Inter, sans-serif`;
  context.fillText(title, pad, pad + 12 * scale);
  context.drawImage(source, pad, pad + line);
  context.font = `${12 * scale}px Inter, sans-serif`;
  let x = pad;
  for (const { name, colour } of legend) {
    const y = canvas.height - pad;
    context.fillStyle = colour;
    context.fillRect(x, y - 7 * scale, 12 * scale, 3 * scale);
    context.fillStyle = palette.ink;
    context.fillText(name, x + 18 * scale, y);
    x += context.measureText(name).width + 36 * scale;
  }
  return canvas;
}
