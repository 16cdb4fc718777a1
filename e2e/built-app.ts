// Builds the app as users get it and serves it on this machine, for the lanes, the browser tests and the screenshot.
import { build, preview } from "vite";

/** Address of the built app, with a slash at its end; it is served until the process ends. */
export async function serveBuiltApp(): Promise<string> {
  // The launcher of these scripts is a development server, and a build would take that over: React would then run
  // every effect twice, and the first load would be measured with its warnings.
  process.env.NODE_ENV = "production";
  await build({ logLevel: "error" });
  const server = await preview({ logLevel: "error", preview: { port: 0, host: "127.0.0.1" } });
  const address = server.httpServer.address();
  if (!address || typeof address === "string") throw new Error("the server of the built app has no port");
  return `http://127.0.0.1:${address.port}/`;
}
