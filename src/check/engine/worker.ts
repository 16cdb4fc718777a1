// The worker of the "Check my GPU" page: the session behind a typed interface, on the browser's own WebGPU.
import { browserTuneStore } from "../../gpu/tune-store";
import { serve } from "../../rpc/service";
import type { CheckService } from "../protocol";
import { checkService } from "./session";

serve<CheckService>(checkService(async () => navigator.gpu, { tuneStore: browserTuneStore() }));
