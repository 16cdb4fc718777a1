// The worker's side of the protocol: models that were opened by name, and the session's commands over them. Where the
// private files are comes from outside, so that it runs in tests too.
import { TesseraError } from "../../../base/errors";
import type { OutputFolder } from "../../../formats/folder";
import { filesFolder, handleFolder } from "../../../formats/handle-folder";
import type { MergeService, MethodInfo, ModelSource } from "../protocol-service";
import { lookInside } from "./look";
import { findMethod, METHODS } from "./methods/index";
import { type Model, openModel } from "./model/open";
import type { Surroundings } from "./plan/stages";
import { toForm } from "./recipe/form";
import { readRecipes } from "./recipe/recipe";
import { sampleFolder } from "./samples";
import { merge, modelInfo, preflight } from "./session";

/** The page's private files: one merge at a time. */
export interface PrivateFiles {
  folder(): Promise<OutputFolder>;
  /** Removes everything in it. */
  clear(): Promise<void>;
  file(name: string): Promise<File>;
}

/** Name under which the result of a merge can be looked into. */
const MERGED = "merged";

export function mergeService(files: PrivateFiles): MergeService {
  const models = new Map<string, Model>();
  const find = (name: string): Model => {
    // Recipes from elsewhere name models as on a hub: owner/model. The folder is called like the model.
    const found = models.get(name) ?? models.get(name.split("/").at(-1)!);
    if (found) return found;
    const known = [...models.keys()].filter((one) => one !== MERGED).join(", ");
    throw new TesseraError("model", `There is no model “${name}” on the page; there are ${known || "none"}`);
  };
  const around: Surroundings = {
    openModel: async (path) => find(path),
    openAdapter: (path) =>
      Promise.reject(
        new TesseraError(
          "adapter",
          `Adapters are added by the command line; the page does not read them yet: ${path}`,
        ),
      ),
    method: findMethod,
  };
  return {
    methods: async () => METHODS.map(infoOf),
    async open({ name, source }) {
      const model = { ...(await openModel(folderOf(name, source))), name };
      models.set(name, model);
      return modelInfo(name, model);
    },
    forget: async ({ name }) => void models.delete(name),
    async read({ text }) {
      return { form: toForm(readRecipes(text, "recipe")) ?? null };
    },
    preflight: (request) => preflight(request, around),
    async merge({ request, target }, context) {
      models.delete(MERGED);
      const output = target.kind === "handle" ? handleFolder(target.handle) : await files.folder();
      const run = () => merge(request, around, output, context);
      const result = await run().catch(async (error) => {
        // What stands in the private files is of an earlier merge, and there is one at a time.
        if (target.kind !== "private" || (error as TesseraError).code !== "merge-folder") throw error;
        await files.clear();
        return run();
      });
      models.set(MERGED, await openModel(output));
      return result;
    },
    file: ({ name }) => files.file(name),
    look: ({ base, models: names }, context) => lookInside(find(base), names.map(find), context),
  };
}

function folderOf(name: string, source: ModelSource) {
  if (source.kind === "files") return filesFolder(name, source.files);
  return source.kind === "handle" ? handleFolder(source.handle) : sampleFolder(name);
}

const infoOf = ({ merge: _, ...info }: (typeof METHODS)[number]): MethodInfo => info;
