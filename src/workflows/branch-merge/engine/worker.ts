// The worker of the merge workflow: the service over the browser's private files.
import { handleFolder } from "../../../formats/handle-folder";
import { serve } from "../../../rpc/service";
import type { MergeService } from "../protocol-service";
import { mergeService } from "./service";

const NAME = "merge";

const directory = async (): Promise<FileSystemDirectoryHandle> =>
  (await navigator.storage.getDirectory()).getDirectoryHandle(NAME, { create: true });

serve<MergeService>(
  mergeService({
    folder: async () => handleFolder(await directory(), true),
    async clear() {
      const folder = await directory();
      for await (const name of folder.keys()) await folder.removeEntry(name);
    },
    file: async (name) => (await (await directory()).getFileHandle(name)).getFile(),
  }),
  { concurrent: ["methods", "read", "preflight", "file"] },
);
