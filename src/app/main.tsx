// Entry of the page: mounts the shell. Workflows, heavy parts and pages are loaded when they are needed.
import "../ui/mantine-styles";
import "../ui/tokens.css";
import { MantineProvider } from "@mantine/core";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { busy } from "../base/idle";
import { deviceStore, publishDeviceStatus } from "../ui/device-store";
import { paletteVariables } from "../ui/palette";
import { theme } from "../ui/theme";
import { toast } from "../ui/toasts";
import { adapterStatus, gateStatus } from "./device-gate";
import { exposeIdle } from "./idle";
import { Shell } from "./shell/Shell";

exposeIdle();
publishDeviceStatus(gateStatus("gpu" in navigator, isSecureContext));
if ("gpu" in navigator) void askForAdapter(navigator.gpu);

// What nobody caught is told rather than lost in the console. Browsers report a harmless resize loop as an error.
addEventListener("unhandledrejection", (event) =>
  toast.error(event.reason, { title: "Something went wrong" }),
);
addEventListener("error", (event) => {
  if (!event.message.startsWith("ResizeObserver loop")) {
    toast.error(event.error ?? event.message, { title: "Something went wrong" });
  }
});

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

/** What a session has published meanwhile is newer and stays. */
async function askForAdapter(gpu: GPU): Promise<void> {
  const end = busy();
  try {
    const found = await adapterStatus(gpu);
    if (found && deviceStore.getState().state === "unknown") publishDeviceStatus(found);
  } finally {
    end();
  }
}
