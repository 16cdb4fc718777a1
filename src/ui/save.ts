// Takes results out of the page: files and clipboard. Nothing is sent anywhere.
import { toast } from "./toasts";

/** Offers bytes or text as a download under the given name. */
export function saveBytes(
  name: string,
  bytes: Uint8Array | Blob | string,
  type = "application/octet-stream",
): void {
  const part = bytes instanceof Uint8Array ? new Uint8Array(bytes) : bytes;
  const url = URL.createObjectURL(part instanceof Blob ? part : new Blob([part], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The download has read the address by the next minute; freeing it at once breaks Safari.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Copies text and says so; where the browser refuses, the toast says that instead. */
export async function copyText(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast.good(`${what} copied`, { key: "copied" });
  } catch {
    toast.warn(`${what} could not be copied: the browser refused access to the clipboard.`, {
      key: "copied",
    });
  }
}

/** Saves a canvas as PNG; a canvas of no size cannot be saved and says so. */
export function saveCanvas(name: string, canvas: HTMLCanvasElement): void {
  canvas.toBlob((blob) => {
    if (blob) saveBytes(name, blob);
    else toast.error("The picture could not be made: the chart has no size at the moment.");
  }, "image/png");
}
