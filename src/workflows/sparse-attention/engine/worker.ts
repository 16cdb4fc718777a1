// The worker of the attention laboratory: the session on the browser's own WebGPU.
import { browserTuneStore } from "../../../gpu/tune-store";
import { serve } from "../../../rpc/service";
import type { AttentionService } from "../protocol";
import { attentionSession } from "./session";

serve<AttentionService>(
  attentionSession(async () => navigator.gpu, { tuneStore: browserTuneStore() }),
  {
    concurrent: ["inspect", "map"],
  },
);
