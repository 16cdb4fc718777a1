// Finds the workflows by folder. A folder is a registration: nothing else lists them, and none is named here.
import { TesseraError } from "../base/errors";
import type { Workflow } from "../workflows/define";

export type PagedWorkflow = Workflow & Required<Pick<Workflow, "panel">>;

/**
 * Manifests sorted by folder.
 * @throws TesseraError `registry` when an id is not its folder's name or occurs twice.
 */
export function buildRegistry(modules: Readonly<Record<string, Workflow>>): Workflow[] {
  const seen = new Map<string, string>();
  return Object.keys(modules)
    .sort()
    .map((path) => {
      const workflow = modules[path];
      const folder = path.split("/").at(-2) ?? "";
      const twin = seen.get(workflow.id);
      if (twin) {
        throw new TesseraError(
          "registry",
          `Two workflows have the id "${workflow.id}": ${twin} and ${path}.`,
        );
      }
      if (workflow.id !== folder) {
        const words = `The id of a workflow must be its folder's name "${folder}", got "${workflow.id}": ${path}.`;
        throw new TesseraError("registry", words);
      }
      seen.set(workflow.id, path);
      return workflow;
    });
}

/** Those that have a page; a workflow of commands alone is not shown. */
export const workflows = buildRegistry(
  import.meta.glob<Workflow>("../workflows/*/index.ts", { eager: true, import: "default" }),
).filter((workflow): workflow is PagedWorkflow => workflow.panel !== undefined);

export function findWorkflow(id: string | undefined): PagedWorkflow | undefined {
  return workflows.find((workflow) => workflow.id === id);
}
