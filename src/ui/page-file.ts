// Reads files that came with the page, such as weights in public/. The only place that fetches; it takes no address.
import { TesseraError } from "../base/errors";
import { busy } from "../base/idle";

/**
 * A file of the page's own folder, e.g. "models/video-xxs.safetensors"; without a network from the cache of the page.
 * @throws TesseraError `page-file` when it cannot be had.
 */
export async function pageFile(path: string): Promise<Blob> {
  const end = busy();
  try {
    const answer = await fetch(new URL(path, document.baseURI));
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return await answer.blob();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new TesseraError(
      "page-file",
      `A file that comes with the page could not be read: ${path} (${why})`,
      {
        path,
      },
    );
  } finally {
    end();
  }
}
