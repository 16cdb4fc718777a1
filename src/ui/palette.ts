// Every colour of the studio, light and dark, in one place: handed to CSS as `--t-*` variables and to canvases as is.
import { type CSSVariablesResolver, useComputedColorScheme } from "@mantine/core";

export interface Palette {
  page: string;
  surface: string;
  raised: string;
  line: string;
  lineStrong: string;
  ink: string;
  quiet: string;
  accent: string;
  accentSoft: string;
  good: string;
  goodSoft: string;
  warn: string;
  warnSoft: string;
  bad: string;
  badSoft: string;
  grid: string;
  shadow: string;
  /** Colours of chart series, told apart also by people with colour-vision deficiencies; reused after the eighth. */
  series: readonly string[];
}

const light: Palette = {
  page: "#f6f6f4",
  surface: "#ffffff",
  raised: "#f9f9f8",
  line: "#e4e4e0",
  lineStrong: "#c9c9c4",
  ink: "#1b1b19",
  quiet: "#62625d",
  accent: "#2853ab",
  accentSoft: "#eaf0fc",
  good: "#1a7048",
  goodSoft: "#e6f4ec",
  warn: "#8a5200",
  warnSoft: "#fdf3e0",
  bad: "#b42318",
  badSoft: "#fdecea",
  grid: "#ecece9",
  shadow: "0 1px 2px rgb(20 20 15 / 4%)",
  series: ["#2f62c9", "#d2691e", "#1d8a62", "#b03a8c", "#7a5cc7", "#0e8fa8", "#a3860b", "#6d6d68"],
};

const dark: Palette = {
  page: "#0f1113",
  surface: "#17191d",
  raised: "#1d2024",
  line: "#282b31",
  lineStrong: "#41454d",
  ink: "#e3e5e8",
  quiet: "#9ba0a9",
  accent: "#8dafef",
  accentSoft: "#1c2740",
  good: "#6fcf9d",
  goodSoft: "#15281f",
  warn: "#efb65c",
  warnSoft: "#2e2413",
  bad: "#ff9a8f",
  badSoft: "#341a18",
  grid: "#24272c",
  shadow: "none",
  series: ["#6f9ff2", "#f0944d", "#4fc795", "#e17fc0", "#ab93f0", "#45c3db", "#d8bd4a", "#a4a8b0"],
};

export const PALETTES = { light, dark };

/** The palette of the colour scheme in force. */
export function usePalette(): Palette {
  return PALETTES[useComputedColorScheme("light", { getInitialValueInEffect: false })];
}

function variables(palette: Palette): Record<string, string> {
  const entries = Object.entries(palette).filter(([name]) => name !== "series") as [string, string][];
  return Object.fromEntries(
    entries.map(([name, value]) => [`--t-${name.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`, value]),
  );
}

/** Gives Mantine's provider the palette as CSS variables. */
export const paletteVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    ...variables(light),
    "--mantine-color-body": light.surface,
    "--mantine-color-dimmed": light.quiet,
  },
  dark: { ...variables(dark), "--mantine-color-body": dark.surface, "--mantine-color-dimmed": dark.quiet },
});
