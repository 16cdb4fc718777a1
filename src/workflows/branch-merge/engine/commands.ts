// Merging from the command line. Files and folders come from the host.
import { text } from "../../../base/params";
import { type Command, type CommandHost, defineCommand } from "../../define";
import { type MergeParams, type MergeRequest, params, settingsOf } from "../protocol";
import { languageCommands } from "./language/commands";
import { findMethod } from "./methods/index";
import { openAdapter } from "./model/adapter";
import { openModel } from "./model/open";
import type { Surroundings } from "./plan/stages";
import { merge, preflight } from "./session";

const flags = {
  ...params,
  models: text("", { help: "Folder in which the models of the recipe are looked up; empty: where you are" }),
};

async function readRequest(file: string, values: MergeParams, host: CommandHost): Promise<MergeRequest> {
  const source = await host.open(file);
  const recipe = new TextDecoder().decode(await source.read(0, source.size));
  return { text: recipe, file, settings: settingsOf(values) };
}

function around(host: CommandHost, root: string): Surroundings {
  const folder = (path: string) => host.folder(root && !path.startsWith("/") ? `${root}/${path}` : path);
  return {
    openModel: async (path) => openModel(await folder(path)),
    openAdapter: async (path) => openAdapter(await folder(path)),
    method: findMethod,
  };
}

export const commands: Readonly<Record<string, Command>> = {
  preflight: defineCommand({
    summary: "Tells what a merge would read, write and leave out, without reading a tensor",
    params: flags,
    files: ["RECIPE"],
    async run({ params: { models, ...values }, files }, host) {
      return preflight(await readRequest(files[0], values, host), around(host, models));
    },
  }),
  merge: defineCommand({
    summary: "Merges models into a folder, in pieces; the same call goes on with a merge that was broken off",
    params: flags,
    files: ["RECIPE", "OUT"],
    async run({ params: { models, ...values }, files }, host, context) {
      const request = await readRequest(files[0], values, host);
      const result = await merge(request, around(host, models), await host.outputFolder(files[1]), context);
      return { out: files[1], ...result };
    },
  }),
  ...languageCommands,
};
