// Makes a fresh Debian or Ubuntu able to run every test: two browsers and a software Vulkan driver, from the system's
// own packages. Elsewhere, or without root, it installs nothing and says what is missing.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { debianVersion, findTools, type Tools } from "./tools";

const SOURCES = "/etc/apt/sources.list.d";
/** Dawn refuses older Mesa: it lacks dynamic indexing of uniform arrays on lavapipe. */
const MESA_MAJOR = 25;

/**
 * Installs what is missing where it may, prints each step, and returns what the machine has in the end.
 * @throws Error in one sentence when a needed tool is missing and cannot be installed from here.
 */
export function setUp(print: (line: string) => void): Tools {
  if (canInstall()) install(print);
  const tools = findTools();
  for (const [name, path] of Object.entries(tools)) print(`${name}: ${path ?? "none"}`);
  if (!tools.chromium && !tools.firefox) {
    throw new Error("The browser tests need a browser: install Chrome, Edge, Chromium or Firefox.");
  }
  return tools;
}

/** Root on a system that has apt: what is missing can be installed from here. */
export function canInstall(): boolean {
  return process.platform === "linux" && process.getuid?.() === 0 && existsSync("/usr/bin/apt-get");
}

function install(print: (line: string) => void): void {
  const release = osRelease();
  const debian = release.ID === "debian";
  const tools = findTools();
  const plain: string[] = [];
  if (!tools.chromium && debian) plain.push("chromium");
  if (!tools.firefox && debian) plain.push("firefox-esr");
  // Ubuntu's browser packages only forward to another package system, so browsers there are left to the user.
  const driver = mesaMajor() < MESA_MAJOR || !debianVersion("libvulkan1");
  if (plain.length === 0 && !driver) return;

  const backports = debian && release.VERSION_CODENAME === "bookworm" ? "bookworm-backports" : null;
  if (driver && backports) addSuite(backports, print);
  apt(["update"], print);
  if (plain.length > 0) apt(["install", "-y", "--no-install-recommends", ...plain], print);
  if (driver) {
    const from = backports ? ["-t", backports] : [];
    apt(["install", "-y", "--no-install-recommends", ...from, "mesa-vulkan-drivers", "libvulkan1"], print);
  }
}

function mesaMajor(): number {
  return Number.parseInt(debianVersion("mesa-vulkan-drivers") ?? "0", 10);
}

function apt(args: string[], print: (line: string) => void): void {
  print(`apt-get ${args.join(" ")}`);
  execFileSync("apt-get", ["-q", ...args], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
}

/** Adds a suite beside the machine's own Debian source, with that source's address and key; once. */
function addSuite(suite: string, print: (line: string) => void): void {
  const texts = [...readdirSync(SOURCES).map((file) => join(SOURCES, file)), "/etc/apt/sources.list"]
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, "utf8"));
  if (texts.some((text) => activeLines(text).some((line) => line.split(/\s+/).includes(suite)))) return;
  const entry = suiteEntry(texts, suite);
  if (!entry)
    throw new Error(
      `No Debian source to take the address of ${suite} from: add that suite to apt's sources.`,
    );
  const path = join(
    SOURCES,
    entry.startsWith("Types:") ? "tessera-backports.sources" : "tessera-backports.list",
  );
  print(`adding ${path}`);
  writeFileSync(path, entry);
}

/** The text of an apt source for `suite`, derived from the source that serves the base suite; null if none does. */
export function suiteEntry(texts: readonly string[], suite: string): string | null {
  const base = suite.replace(/-backports$/, "");
  for (const text of texts) {
    for (const stanza of text.split(/\n\s*\n/)) {
      const lines = activeLines(stanza);
      const suites = lines.find((line) => /^Suites:/i.test(line));
      if (suites?.split(/\s+/).includes(base)) {
        return `${lines.map((line) => (/^Suites:/i.test(line) ? `Suites: ${suite}` : line)).join("\n")}\n`;
      }
      const words = lines.map((line) => line.split(/\s+/)).find((w) => w[0] === "deb" && w.includes(base));
      if (words) return `${words.map((word) => (word === base ? suite : word)).join(" ")}\n`;
    }
  }
  return null;
}

function activeLines(text: string): string[] {
  return text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
}

function osRelease(): Record<string, string> {
  const file = "/etc/os-release";
  if (!existsSync(file)) return {};
  const pairs = readFileSync(file, "utf8").matchAll(/^(\w+)="?([^"\n]*)"?$/gm);
  return Object.fromEntries([...pairs].map((match) => [match[1], match[2]]));
}
