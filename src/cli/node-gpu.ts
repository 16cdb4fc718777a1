// Opens WebGPU in Node through Dawn and finds a software Vulkan driver where there is no GPU. It opens no device.
import { existsSync, readdirSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { isMainThread } from "node:worker_threads";
import { TesseraError } from "../base/errors";

/** `auto` takes what the system offers, and a software driver only where that is nothing. */
export type NodeAdapter = "auto" | "lavapipe" | "swiftshader";

export interface NodeGpu {
  /** What `navigator.gpu` is in a browser; hand it to `openGpu`. */
  gpu: GPU;
  /** Which software driver answered, or `system` for a real GPU behind Vulkan, Metal or Direct3D. */
  driver: "system" | "lavapipe" | "swiftshader";
  /** One line for a person: adapter name and how it was found. */
  description: string;
}

type SoftwareDriver = Exclude<NodeAdapter, "auto">;

const DRIVER_FOLDERS = ["/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d"];
const BROWSER_FOLDERS = [
  "/usr/lib/chromium",
  "/usr/lib/chromium-browser",
  "/opt/google/chrome",
  "/opt/microsoft/msedge",
];

const INSTALL: Readonly<Record<SoftwareDriver, string>> = {
  lavapipe:
    "install Mesa's software Vulkan driver, 23 or newer (Debian and Ubuntu: mesa-vulkan-drivers and libvulkan1, on Debian 12 from bookworm-backports; Fedora: mesa-vulkan-drivers and vulkan-loader)",
  swiftshader:
    "install Chromium, which carries SwiftShader (Debian: chromium and libvulkan1), or set VK_DRIVER_FILES to a vk_swiftshader_icd.json",
};

/** What the user had set before any of our own choices. */
const userDrivers = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES;

const opened = new Map<string, Promise<NodeGpu>>();

/**
 * Opens Dawn once per process and adapter kind. The choice is `options.adapter`, else the variable TESSERA_ADAPTER,
 * else `auto`. VK_DRIVER_FILES or VK_ICD_FILENAMES, when set by the user, are never overruled in `auto`.
 * @throws TesseraError `gpu-missing` (no Dawn for this platform), `gpu-no-adapter` (no driver; says what to install).
 */
export function openNodeGpu(options: { adapter?: NodeAdapter } = {}): Promise<NodeGpu> {
  const wanted = options.adapter ?? chosenByEnvironment();
  let entry = opened.get(wanted);
  if (!entry) {
    entry = open(wanted);
    // Kept for the life of the process: Dawn's instance must outlive the devices made from it.
    opened.set(wanted, entry);
    entry.catch(() => opened.delete(wanted));
  }
  return entry;
}

function chosenByEnvironment(): NodeAdapter {
  const value = process.env.TESSERA_ADAPTER || "auto";
  if (value === "auto" || value === "lavapipe" || value === "swiftshader") return value;
  throw new TesseraError("usage", `TESSERA_ADAPTER must be auto, lavapipe or swiftshader, got "${value}"`);
}

async function open(wanted: NodeAdapter): Promise<NodeGpu> {
  process.env.XDG_RUNTIME_DIR ||= tmpdir(); // Mesa complains on every run without one
  if (wanted !== "auto") return openSoftware(wanted);

  if (isMainThread && !userDrivers) {
    delete process.env.VK_DRIVER_FILES;
    delete process.env.VK_ICD_FILENAMES;
  }
  const found = await tryDriver("system", undefined);
  if (found) return found;
  if (process.platform !== "linux" || userDrivers) {
    const hint = userDrivers
      ? `Check the driver file that VK_DRIVER_FILES or VK_ICD_FILENAMES names: ${userDrivers}`
      : "Update the graphics driver.";
    throw new TesseraError("gpu-no-adapter", `Dawn (WebGPU for Node) found no GPU. ${hint}`);
  }
  for (const driver of ["lavapipe", "swiftshader"] as const) {
    for (const file of driverFiles(driver)) {
      const software = await tryDriver(driver, file);
      if (software) return software;
    }
  }
  throw new TesseraError(
    "gpu-no-adapter",
    `Dawn (WebGPU for Node) found no GPU and no software driver that works. Install the Vulkan driver of your GPU, or ${INSTALL.lavapipe}, or ${INSTALL.swiftshader}.`,
  );
}

async function openSoftware(driver: SoftwareDriver): Promise<NodeGpu> {
  const files = driverFiles(driver);
  for (const file of files) {
    const found = await tryDriver(driver, file);
    if (found) return found;
  }
  const got = files.length
    ? `its driver file is there but gives no adapter (too old, or no Vulkan loader)`
    : "it is not installed";
  throw new TesseraError(
    "gpu-no-adapter",
    `The ${driver} adapter was asked for, but ${got}: ${INSTALL[driver]}. ${files.join(", ")}`.trim(),
    {
      adapter: driver,
      files,
    },
  );
}

/** Driver description files of one software driver on this machine, most likely first. */
function driverFiles(driver: SoftwareDriver): string[] {
  if (driver === "lavapipe") {
    return DRIVER_FOLDERS.flatMap((folder) => listed(folder, (name) => /^lvp_icd.*\.json$/.test(name)));
  }
  const downloaded = `${homedir()}/.cache/ms-playwright`;
  const playwright = listed(downloaded, (name) => name.startsWith("chromium")).flatMap((folder) =>
    listed(folder, (name) => name.startsWith("chrome")),
  );
  return [
    ...(userDrivers ?? "").split(":"),
    ...[...BROWSER_FOLDERS, ...playwright].map((folder) => `${folder}/vk_swiftshader_icd.json`),
  ].filter((file) => file.endsWith("vk_swiftshader_icd.json") && existsSync(file));
}

function listed(folder: string, keep: (name: string) => boolean): string[] {
  return existsSync(folder)
    ? readdirSync(folder)
        .filter(keep)
        .sort()
        .map((name) => `${folder}/${name}`)
    : [];
}

async function tryDriver(driver: NodeGpu["driver"], file: string | undefined): Promise<NodeGpu | undefined> {
  if (file) {
    // The Vulkan loader reads the real environment when Dawn makes its instance; a worker thread only has a copy.
    if (!isMainThread) {
      throw new TesseraError(
        "gpu-no-adapter",
        `In a worker thread the driver cannot be chosen: set VK_DRIVER_FILES before Node starts: ${file}`,
      );
    }
    process.env.VK_DRIVER_FILES = file;
    process.env.VK_ICD_FILENAMES = file; // the name that loaders before 1.3.207 know
  }
  const gpu = (await loadDawn())([]);
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) return undefined;
  const { description, device, vendor } = adapter.info;
  const name = description || device || vendor || "unnamed adapter";
  const words = `${name} ${device} ${adapter.info.architecture}`;
  const answered = /llvmpipe|lavapipe/i.test(words)
    ? "lavapipe"
    : /swiftshader/i.test(words)
      ? "swiftshader"
      : "system";
  if (driver !== "system" && answered !== driver) return undefined;
  return {
    gpu,
    driver: answered,
    description: `${name} through Dawn in Node (${file ?? "the system's own driver"})`,
  };
}

async function loadDawn(): Promise<(options: string[]) => GPU> {
  try {
    return (await import("webgpu")).create;
  } catch (error) {
    throw new TesseraError(
      "gpu-missing",
      `WebGPU for Node (the package "webgpu") does not load on ${process.platform}-${process.arch}: ${(error as Error).message}`,
    );
  }
}
