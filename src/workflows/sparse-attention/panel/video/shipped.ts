// The weights that come with the page; public/models has their card.
import { pageFile } from "../../../../ui/page-file";

export const SHIPPED_NAME = "video-xxs.safetensors";

/** Weights that the page opens on. @throws TesseraError `page-file`. */
export const shippedWeights = (): Promise<Blob> => pageFile(`models/${SHIPPED_NAME}`);
