// Attention of one layer in one step of the sampler: dense, with a search, or sparse over the mask at hand (Alg. 1 and 2).
// It keeps each layer's mask and log-sum-exp on the device from step to step, and says what the step saw.
import { attentionPackedOp } from "../../../../ops/attention-packed";
import { sub } from "../../../../ops/binary";
import { mean } from "../../../../ops/reduce";
import { clamp, exp } from "../../../../ops/unary";
import type { Tensor } from "../../../../tensor/tensor";
import type { LayerReport, ReportLevel, SparseSettings } from "../../protocol-video";
import { fusedAttention, sparseAttention } from "../kernels";
import type { Clock } from "./clock";
import { type Geometry, recallsOf } from "./geometry";
import { type HeadTensors, joinHeads, unpackHeads } from "./layers";
import { freeMask, type Hold, type Mask, makeMask, overlap, readMask, type Scorer } from "./masks";
import type { StepPlan } from "./schedule";
import { diagnose } from "./truth";

/** What a layer keeps between steps. */
export interface LayerState {
  mask?: Mask;
  /** f32 [B, H, L] of the last dense pass that was kept: the first search, or the step before a one-pass search. */
  lse?: Tensor;
}

export interface AttendContext {
  geometry: Geometry;
  settings: SparseSettings;
  scorer: Scorer;
  level: ReportLevel;
  clock: Clock;
  plan: StepPlan;
  /** True when the next step searches in one pass, on the LSE of this one. */
  keepsLse: boolean;
  hold: Hold;
}

/** What a layer saw; readbacks that can wait are left to `finish`, after the step's clock has stopped. */
export interface Attended {
  o: Tensor;
  finish(): Promise<LayerReport>;
}

/** Queries, keys and values of a layer: packed for the dense pass, apart [B, H, L, D] for the block kernels. */
class Heads {
  private parts: HeadTensors | undefined;
  constructor(
    readonly qkv: Tensor,
    readonly count: number,
  ) {}
  /** Made when first asked for, in the phase that asks. */
  get apart(): HeadTensors {
    this.parts ??= unpackHeads(this.qkv, this.count);
    return this.parts;
  }
}

/** Runs attention for one layer on packed rows [B, L, 3d]; `o` [B, L, d] belongs to the current scope. */
export async function attend(qkv: Tensor, state: LayerState, context: AttendContext): Promise<Attended> {
  const { plan, clock, level } = context;
  const asked = new Heads(qkv, context.geometry.config.heads);
  const before =
    state.mask && plan.search !== "none" && level !== "steps" ? await readMaskAside(state.mask, clock) : null;
  const dense = plan.output === "dense" ? await denseStep(asked, state, context) : undefined;
  if (plan.search === "cached") await search(asked, state, context);
  const sparse = dense ? undefined : await sparseStep(asked, state, context);
  const { mask } = state;
  const gauge =
    sparse && level !== "steps"
      ? await clock.aside(async () => gaugeOf(sparse.apart.lse, state.lse!, context.hold))
      : undefined;
  const truth =
    sparse && level === "diagnose"
      ? await clock.aside(() => diagnose(asked.apart, sparse.apart, state.lse!, mask!, context.geometry))
      : null;
  const ms = clock.take();
  const searched = plan.search !== "none" && mask ? mask : undefined;
  return {
    o: (dense ?? sparse!).o,
    async finish() {
      const report: LayerReport = {
        ms,
        kept: sparse ? mask!.kept : 1,
        uniformRecall: searched?.uniformRecall ?? null,
        tiers: searched?.tiers ?? null,
        maskRecall: null,
        maskOverlap: null,
        recallGauge: gauge ? Array.from(await gauge.readFloats()) : null,
        truth,
      };
      gauge?.free();
      if (searched && level !== "steps") {
        if (context.settings.rule === "adaspa")
          report.maskRecall = recallsOf(context.geometry, await searched.sums.readFloats());
        if (before) report.maskOverlap = overlap(before, await readMask(searched));
      }
      return report;
    },
  };
}

const readMaskAside = (mask: Mask, clock: Clock) => clock.aside(() => readMask(mask));

async function denseStep(asked: Heads, state: LayerState, context: AttendContext) {
  const { plan, clock, geometry, keepsLse } = context;
  if (plan.search === "one-pass") {
    const found = await clock.time("one-pass", () => {
      const { q, k, v } = asked.apart;
      const fused = fusedAttention(q, k, v, state.lse!, { block: geometry.side });
      return { ...fused, o: joinHeads(fused.o) };
    });
    keepLse(state, found.lse, context);
    const score = context.settings.rule === "adaspa" ? found.mass : undefined;
    await search(asked, state, context, score);
    return found;
  }
  const found = await clock.time("dense", () => {
    const [o, lse] = attentionPackedOp([asked.qkv], { heads: asked.count });
    return { o, lse };
  });
  if (keepsLse || plan.search === "two-pass") keepLse(state, found.lse, context);
  if (plan.search === "two-pass") await search(asked, state, context);
  return found;
}

function keepLse(state: LayerState, lse: Tensor, { hold }: AttendContext): void {
  state.lse?.free();
  state.lse = hold(lse);
}

/** Scores unless they are there, then tiers and selection; the mask takes the place of the one before. */
async function search(
  asked: Heads,
  state: LayerState,
  context: AttendContext,
  given?: Tensor,
): Promise<void> {
  const { clock, scorer, geometry, settings, hold } = context;
  const score = given ?? (await clock.time("search", () => scorer(asked.apart, state.lse!)));
  const mask = await clock.time("select", () => makeMask(score, geometry, settings, hold));
  if (state.mask) freeMask(state.mask);
  state.mask = mask;
}

async function sparseStep(asked: Heads, { mask }: LayerState, { clock, geometry }: AttendContext) {
  const { plan, list } = mask!;
  return clock.time("sparse", () => {
    const { q, k, v } = asked.apart;
    const apart = sparseAttention(q, k, v, plan, list, { block: geometry.side });
    return { o: joinHeads(apart.o), apart };
  });
}

/** Logarithms beyond these say only that the LSE is useless; exp of them must stay finite. */
const [LOWEST, HIGHEST] = [-30, 30];

/** Mean over rows of exp(LSE sparse - LSE cached): f32 [B, H], read after the step. */
function gaugeOf(sparse: Tensor, cached: Tensor, hold: Hold): Tensor {
  return hold(mean(exp(clamp(sub(sparse, cached), LOWEST, HIGHEST)), { axes: [-1] }));
}
