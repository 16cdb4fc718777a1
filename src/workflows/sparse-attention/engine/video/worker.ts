// The worker of the video transformer: its session on the browser's own WebGPU.
import { browserTuneStore } from "../../../../gpu/tune-store";
import { serve } from "../../../../rpc/service";
import type { VideoService } from "../../protocol-video-session";
import { videoSession } from "./session";

serve<VideoService>(
  videoSession(async () => navigator.gpu, { tuneStore: browserTuneStore() }),
  { concurrent: ["inspect", "saveState", "setRate", "readState"] },
);
