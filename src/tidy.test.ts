// The house rules, executable: layers, headers, sizes, deletable workflows, no network, clean tracked files.
// It reads text and imports only; the size of the first bundle is checked on the build, not here.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";

const LINE_LIMIT = 400;

/** Tolerated violations, as the test prints them. The list may only shrink. */
const TOLERATED: readonly string[] = [];

/** Who may import whom, by first folder under src; workflows are split into their parts. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  formats: ["base"],
  gpu: ["base", "shaders"],
  tensor: ["base", "gpu"],
  ops: ["base", "gpu", "tensor", "shaders"],
  autograd: ["base", "tensor", "ops"],
  nn: ["base", "formats", "gpu", "tensor", "ops", "autograd", "shaders"],
  runs: ["base", "formats"],
  rpc: ["base"],
  ui: ["base"],
  define: ["base"],
  manifest: ["base", "define", "protocol", "engine", "panel"],
  protocol: ["base", "define"],
  engine: [
    "base",
    "formats",
    "gpu",
    "tensor",
    "ops",
    "autograd",
    "nn",
    "runs",
    "rpc",
    "define",
    "protocol",
    "shaders",
  ],
  panel: ["base", "runs", "rpc", "ui", "define", "protocol"],
  check: ["base", "gpu", "tensor", "ops", "rpc", "ui", "shaders"],
  app: ["base", "rpc", "ui", "runs", "check", "define", "manifest"],
  cli: ["base", "formats", "gpu", "tensor", "ops", "autograd", "nn", "runs", "rpc", "define", "manifest"],
};

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => file && !file.startsWith("e2e/bench/peers/"));
const sources = files.filter(
  (file) => /^(src|e2e|shaders)\/.*\.(ts|tsx|mjs|wgsl)$/.test(file) && exists(file),
);
const text = new Map(sources.map((file) => [file, readFileSync(file, "utf8")]));

interface Import {
  from: string;
  to: string;
  typeOnly: boolean;
  /** The target is only named as the address of a worker to start. */
  worker: boolean;
}

const imports = sources.filter((file) => !file.endsWith(".wgsl")).flatMap(readImports);

function exists(file: string): boolean {
  try {
    readFileSync(file);
    return true;
  } catch {
    return false;
  }
}

/** Static, re-exported and dynamic imports, worker URLs and globs; a relative target becomes a path from the root. */
function readImports(file: string): Import[] {
  const code = withoutComments(text.get(file)!);
  const found: Import[] = [];
  const pattern =
    /\b(?:import|export)\s+(type\s)?[^;"'()=]*?from\s*["']([^"']+)["']|\bimport\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']|new URL\(\s*["'](\.[^"']+)["']|import\.meta\.glob(?:<[^(]*>)?\(\s*["']([^"']+)["']/g;
  for (const match of code.matchAll(pattern)) {
    const target = (match[2] ?? match[3] ?? match[4] ?? match[5] ?? match[6]).replace(/\?.*$/, "");
    const to = target.startsWith(".")
      ? normalize(join(dirname(file), target))
      : target.startsWith("/")
        ? target.slice(1)
        : target;
    const typed = Boolean(match[1]) || isTypeQuery(code, match.index + match[0].length);
    found.push({ from: file, to, typeOnly: typed, worker: Boolean(match[5]) });
  }
  return found;
}

/** `import("x").Name` names a type; a dynamic import that runs is awaited or followed by `.then`. */
function isTypeQuery(code: string, end: number): boolean {
  return /^\s*\)\s*\.\s*[A-Z]/.test(code.slice(end, end + 40));
}

function withoutComments(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}

/** The layer a path belongs to; null for packages and for files outside the table. */
function layerOf(path: string): string | null {
  if (path.startsWith("shaders/")) return "shaders";
  const [top, first, second, third] = path.split("/");
  if (top !== "src" || !second) return null;
  if (first !== "workflows") return first in LAYERS ? first : null;
  if (second.startsWith("define")) return "define";
  if (!third || third.startsWith("index")) return "manifest";
  if (third.startsWith("protocol")) return "protocol";
  return third === "engine" || third === "panel" ? third : null;
}

function workflowOf(path: string): string | null {
  return /^src\/workflows\/([^/*]+)\//.exec(`${path}/`)?.[1]?.replace(/^define.*/, "") || null;
}

function isTest(file: string): boolean {
  return /\.test\.tsx?$/.test(file);
}

function check(violations: readonly string[]): void {
  expect([...new Set(violations)].filter((line) => !TOLERATED.includes(line))).toEqual([]);
}

describe("house rules", () => {
  it("sees the module graph", () => {
    expect(sources.length).toBeGreaterThan(100);
    expect(imports.some((one) => one.from === "src/gpu/gpu.ts" && one.to.startsWith("src/base/"))).toBe(true);
  });

  it("keeps to the layers", () => {
    check(
      imports.flatMap(({ from, to, typeOnly, worker }) => {
        const [a, b] = [layerOf(from), layerOf(to)];
        if (isTest(from) || !a || !b || a === b) return [];
        if (a === "define" && typeOnly) return [];
        if (a === "panel" && b === "engine" && worker) return [];
        return LAYERS[a].includes(b) ? [] : [`${from} (${a}) imports ${to} (${b})`];
      }),
    );
  });

  it("keeps React and three out of what has no screen", () => {
    const screens = ["ui", "panel", "app", "check"];
    check(
      imports.flatMap(({ from, to, typeOnly }) => {
        const layer = layerOf(from);
        if (!layer || screens.includes(layer) || typeOnly) return [];
        if (layer === "manifest" && to === "react") return [];
        return /^(react|react-dom|three|@mantine|zustand|uplot)(\/|$)/.test(to)
          ? [`${from} imports ${to}`]
          : [];
      }),
    );
  });

  it("lets a workflow be deleted", () => {
    check(
      imports.flatMap(({ from, to }) => {
        const id = workflowOf(to) ?? /^shaders\/(?!lib\/|ops\/|nn\/)([^/*]+)\//.exec(to)?.[1];
        return id && workflowOf(from) !== id ? [`${from} names ${to}`] : [];
      }),
    );
  });

  it("opens every file with a comment", () => {
    check(
      [...text]
        .filter(([, body]) => !/^(#!.*\n)?\s*(\/\/|\/\*)/.test(body))
        .map(([file]) => `${file}: no header`),
    );
  });

  it(`keeps files within ${LINE_LIMIT} lines`, () => {
    const totals = new Map<string, number>();
    const long: string[] = [];
    for (const [file, body] of text) {
      const lines = body.split("\n").length - 1;
      const folder = file.split("/").slice(0, 2).join("/");
      totals.set(folder, (totals.get(folder) ?? 0) + lines);
      if (lines > LINE_LIMIT) long.push(`${file}: ${LINE_LIMIT} lines at most`);
    }
    process.stdout.write(`lines: ${[...totals].map(([folder, n]) => `${folder} ${n}`).join(", ")}\n`);
    check(long);
  });

  it("has no barrel file", () => {
    check(
      [...text].filter(([, body]) => /^export\s+\*\s+from/m.test(body)).map(([file]) => `${file}: barrel`),
    );
  });

  it("uses no network of its own", () => {
    const raw = /(?<![\w.])fetch\(|\bXMLHttpRequest\b|\bnew WebSocket\b|\bsendBeacon\b/;
    check(
      [...text]
        // page-file.ts reads what came with the page and takes no address.
        .filter(
          ([file]) => file.startsWith("src/") && !["src/tidy.test.ts", "src/ui/page-file.ts"].includes(file),
        )
        .filter(([, body]) => raw.test(withoutComments(body)))
        .map(([file]) => `${file}: network`),
    );
  });

  it("tracks no machine path and no resolved registry address", () => {
    const words = new RegExp(["/(?:work/(?:main|shared)|root/)", "registry\\.npm", "npmmirror"].join("|"));
    const bad = files
      .filter((file) => /\.(tsx?|mjs|json|wgsl|md|html|css|svg|yml)$|^\.ci\//.test(file) && exists(file))
      .filter((file) => file !== "src/tidy.test.ts" && words.test(readFileSync(file, "utf8")));
    check(bad.map((file) => `${file}: machine path or registry`));
    expect(readFileSync("package-lock.json", "utf8")).not.toContain('"resolved"');
  });

  it("ships no weights without a card that names their SHA-256", () => {
    const weights = files.filter((file) => file.startsWith("public/models/") && !file.endsWith(".md"));
    expect(weights).not.toEqual([]);
    const bare = weights.filter((file) => {
      const card = file.replace(/\.[^.]+$/, ".md");
      const hash = createHash("sha256").update(readFileSync(file)).digest("hex");
      return !files.includes(card) || !readFileSync(card, "utf8").includes(hash);
    });
    check(bare.map((file) => `${file}: no card, or of another file`));
  });

  it("uses every dependency", () => {
    const { dependencies } = JSON.parse(readFileSync("package.json", "utf8")) as {
      dependencies: Record<string, string>;
    };
    const styles = files.filter((file) => file.endsWith(".css") && exists(file));
    const sheets = styles.flatMap((file) => [...readFileSync(file, "utf8").matchAll(/["']([^"'\s]+)["']/g)]);
    const used = [...imports.map((one) => one.to), ...sheets.map((match) => match[1])];
    check(
      Object.keys(dependencies)
        .filter((name) => !used.some((to) => to === name || to.startsWith(`${name}/`)))
        .map((name) => `package.json: ${name} is not imported`),
    );
  });
});
