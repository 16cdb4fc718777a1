// Finds the browsers and the software Vulkan drivers this machine has. It installs nothing and starts nothing.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Absolute paths of what the tests can use; null = not on this machine. */
export interface Tools {
  chromium: string | null;
  firefox: string | null;
  /** Vulkan driver file of Mesa's lavapipe. */
  lavapipe: string | null;
  /** Vulkan driver file of the SwiftShader that a Chromium build carries. */
  swiftshader: string | null;
}

const CHROMIUM_NAMES = [
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
  "microsoft-edge",
];
const FIREFOX_NAMES = ["firefox-esr", "firefox"];
const APPLICATIONS: Readonly<Record<string, { chromium: string[]; firefox: string[] }>> = {
  darwin: {
    chromium: [
      "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
      "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
      "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ],
    firefox: ["/Applications/Firefox.app/Contents/MacOS/firefox"],
  },
  win32: {
    chromium: programFiles(["Google/Chrome/Application/chrome.exe", "Microsoft/Edge/Application/msedge.exe"]),
    firefox: programFiles(["Mozilla Firefox/firefox.exe"]),
  },
};
const DRIVER_FOLDERS = ["/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d"];
const BROWSER_FOLDERS = [
  "/usr/lib/chromium",
  "/usr/lib/chromium-browser",
  "/opt/google/chrome",
  "/opt/microsoft/msedge",
];

/** Looks at the search path and the usual places; the variables TESSERA_CHROMIUM and TESSERA_FIREFOX win. */
export function findTools(): Tools {
  const places = APPLICATIONS[process.platform];
  return {
    chromium: firstFile([
      process.env.TESSERA_CHROMIUM,
      ...onPath(CHROMIUM_NAMES),
      ...(places?.chromium ?? []),
    ]),
    firefox: firstFile([process.env.TESSERA_FIREFOX, ...onPath(FIREFOX_NAMES), ...(places?.firefox ?? [])]),
    lavapipe: firstFile(DRIVER_FOLDERS.flatMap((folder) => driverFiles(folder, /^lvp_icd.*\.json$/))),
    swiftshader: firstFile(BROWSER_FOLDERS.map((folder) => join(folder, "vk_swiftshader_icd.json"))),
  };
}

/** Version of an installed Debian package, null where it (or dpkg) is missing. */
export function debianVersion(name: string): string | null {
  try {
    const text = execFileSync("dpkg-query", ["-s", name], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return /^Status: .* installed$/m.test(text) ? (/^Version: (.+)$/m.exec(text)?.[1] ?? null) : null;
  } catch {
    return null;
  }
}

function onPath(names: readonly string[]): string[] {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  return names.flatMap((name) => folders.map((folder) => join(folder, name)));
}

function programFiles(tails: readonly string[]): string[] {
  const roots = [process.env.PROGRAMFILES, process.env["PROGRAMFILES(X86)"], process.env.LOCALAPPDATA];
  return roots.flatMap((root) => (root ? tails.map((tail) => join(root, tail)) : []));
}

function driverFiles(folder: string, name: RegExp): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => name.test(file))
    .map((file) => join(folder, file));
}

function firstFile(paths: readonly (string | undefined)[]): string | null {
  return paths.find((path): path is string => Boolean(path) && existsSync(path!)) ?? null;
}
