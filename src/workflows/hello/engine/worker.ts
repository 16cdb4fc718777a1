// Worker entry: the session on the browser's own GPU. A device that was lost is replaced at the next call.
import { blobSource } from "../../../formats/source";
import { type Gpu, openGpu } from "../../../gpu/gpu";
import { browserTuneStore } from "../../../gpu/tune-store";
import { serve } from "../../../rpc/service";
import type { HelloService } from "../protocol";
import { exampleValues, histogram, readValues } from "./session";

let gpu: Gpu | undefined;

serve<HelloService>({
  async histogram({ file, bins }, context) {
    const values = file === "example" ? exampleValues() : await readValues(blobSource(file));
    if (!gpu || gpu.isLost) gpu = await openGpu(navigator.gpu, { tuneStore: browserTuneStore() });
    return histogram(gpu, values, bins, context);
  },
});
