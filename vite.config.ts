// One build for the page and its workers, one test configuration; the command line runs the same modules.
import react from "@vitejs/plugin-react";
import { VitePWA } from "vite-plugin-pwa";
import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "./",
  plugins: [
    react(),
    VitePWA({
      // A new version takes over when the last tab of the old one is closed: an open tab keeps the files it may
      // still load. The page itself comes from the network where there is one, so a reload shows the new version.
      registerType: "prompt",
      injectRegister: "script",
      workbox: {
        clientsClaim: true,
        directoryIndex: null,
        navigateFallback: null,
        runtimeCaching: [
          {
            urlPattern: ({ request }) => request.mode === "navigate",
            handler: "NetworkOnly",
            options: { precacheFallback: { fallbackURL: "index.html" } },
          },
        ],
        globPatterns: ["**/*.{js,css,html,svg,woff2,json,safetensors,png}"],
        maximumFileSizeToCacheInBytes: 32 << 20,
      },
      manifest: {
        name: "Tessera",
        short_name: "Tessera",
        description: "Research papers as experiments on your own GPU.",
        display: "standalone",
        start_url: "./",
        icons: [{ src: "icon.svg", sizes: "any", type: "image/svg+xml" }],
      },
    }),
  ],
  worker: { format: "es" },
  build: { target: "es2023", manifest: true, chunkSizeWarningLimit: 1024 },
  test: {
    include: ["src/**/*.test.ts", "src/**/*.test.tsx"],
    environment: "node",
    testTimeout: 120_000,
    // Two cores and software adapters: files that hold a device run one after the other.
    fileParallelism: false,
  },
});
