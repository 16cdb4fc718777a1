// Entry of the page: mounts the shell. Workflows, heavy parts and pages are loaded when they are needed.
import "../ui/mantine-styles";
import "../ui/tokens.css";
import { MantineProvider } from "@mantine/core";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { publishDeviceStatus } from "../ui/device-store";
import { paletteVariables } from "../ui/palette";
import { theme } from "../ui/theme";
import { gateStatus } from "./device-gate";
import { exposeIdle } from "./idle";
import { Shell } from "./shell/Shell";

exposeIdle();
publishDeviceStatus(gateStatus("gpu" in navigator, isSecureContext));

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} cssVariablesResolver={paletteVariables} defaultColorScheme="auto">
        <Shell />
      </MantineProvider>
    </StrictMode>,
  );
}
