// The studio's Mantine theme: one accent (lapis), quiet greys, Inter with tabular numerals. Sizes lean small and even.
import { createTheme, type MantineColorsTuple } from "@mantine/core";

const lapis: MantineColorsTuple = [
  "#eef3fd",
  "#dbe6fb",
  "#b6ccf6",
  "#8dafef",
  "#6b95e8",
  "#5080e0",
  "#3f70d8",
  "#3060c4",
  "#2853ab",
  "#1d428c",
];
const gray: MantineColorsTuple = [
  "#f9f9f8",
  "#f3f3f1",
  "#e8e8e5",
  "#dcdcd8",
  "#c6c6c1",
  "#9b9b95",
  "#696964",
  "#4b4b47",
  "#2e2e2b",
  "#1b1b19",
];
const dark: MantineColorsTuple = [
  "#dcdee2",
  "#b4b8bf",
  "#9297a0",
  "#5f646d",
  "#3b3f46",
  "#2a2d33",
  "#1b1d21",
  "#131518",
  "#0d0f11",
  "#08090a",
];

export const theme = createTheme({
  primaryColor: "lapis",
  primaryShade: { light: 7, dark: 6 },
  colors: { lapis, gray, dark },
  black: "#1b1b19",
  fontFamily: "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
  fontFamilyMonospace:
    "ui-monospace, 'SF Mono', 'Cascadia Code', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
  headings: {
    fontWeight: "600",
    sizes: { h1: { fontSize: "1.5rem" }, h2: { fontSize: "1rem" }, h3: { fontSize: "0.875rem" } },
  },
  defaultRadius: "sm",
  radius: { xs: "4px", sm: "6px", md: "8px", lg: "12px", xl: "16px" },
  fontSizes: { xs: "0.75rem", sm: "0.8125rem", md: "0.875rem", lg: "1rem", xl: "1.125rem" },
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    Tooltip: {
      defaultProps: {
        multiline: true,
        maw: 320,
        openDelay: 250,
        withinPortal: true,
        events: { hover: true, focus: true, touch: true },
      },
    },
    Button: { defaultProps: { size: "xs" } },
    ActionIcon: { defaultProps: { variant: "subtle", color: "gray" } },
    SegmentedControl: { defaultProps: { size: "xs" } },
    NumberInput: { defaultProps: { size: "xs" } },
    TextInput: { defaultProps: { size: "xs" } },
    Select: { defaultProps: { size: "xs" } },
    // The placeholder is a child that a menu may not have; the first item takes the focus instead.
    Menu: { defaultProps: { shadow: "md", withInitialFocusPlaceholder: false } },
    Modal: {
      defaultProps: { radius: "md", overlayProps: { backgroundOpacity: 0.4 } },
      styles: { title: { fontWeight: 600 } },
    },
    Drawer: {
      defaultProps: { overlayProps: { backgroundOpacity: 0.4 } },
      styles: { title: { fontWeight: 600 } },
    },
    Tabs: { defaultProps: { keepMounted: false } },
  },
});
