// The browser tests of the app: one file after the other, each with a browser of its own. `e2e/main.ts` runs them with
// the address of the built app in TESSERA_APP; unit and GPU tests are configured in vite.config.ts.
import { defineConfig } from "vitest/config";

export default defineConfig({
  root: new URL("..", import.meta.url).pathname,
  test: {
    include: ["e2e/**/*.e2e.ts", "src/workflows/*/*.e2e.ts"],
    environment: "node",
    // Nothing waits for a time; this only ends a test that hangs, on two cores with a software adapter.
    testTimeout: 240_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
