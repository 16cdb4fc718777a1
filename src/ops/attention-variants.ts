// The two ways every attention kernel loads its streamed rows, as variants for the tuner. It launches nothing.
import type { Gpu } from "../gpu/gpu";
import type { KernelSource, LinkOptions } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import type { Uniforms } from "../gpu/reflect";
import type { Variant } from "../gpu/work";

/** `rows`: every invocation reads for itself. `quad`: the lanes of a quad share their reads (needs subgroups). */
export const ATTENTION_VARIANTS = ["rows", "quad"] as const;

/**
 * Invocations of a workgroup, which never wait for each other here. No more than a subgroup needs: on software adapters a
 * workgroup is the work of one core, and over long rows four times the lanes are four times as long until the next slice.
 */
const MOST_LANES = 16;

const quads = new WeakMap<KernelSource, KernelSource>();

/** The same kernel with the loaders of lib/attention_*_quad in place of lib/attention_*_rows. */
function quadSource(source: KernelSource): KernelSource {
  let found = quads.get(source);
  if (!found) {
    found = {
      file: source.file,
      text: source.text.replace(
        /#import lib\/attention_(load|values)_rows/g,
        "#import lib/attention_$1_quad",
      ),
    };
    quads.set(source, found);
  }
  return found;
}

/**
 * Variants of one attention kernel for this device; `rows` always, `quad` where the device has subgroups. `groups` is told
 * how many invocations a workgroup has and how many of them read together: 1, or the 4 of a quad.
 */
export function attentionVariants(
  gpu: Gpu,
  source: KernelSource,
  options: LinkOptions,
  groups: (lanes: number, team: number) => number,
  uniforms: Uniforms,
  mostLanes = MOST_LANES,
): Variant[] {
  const lanes = Math.min(mostLanes, Math.max(4, gpu.subgroupSize ?? mostLanes));
  const sized = { ...options, constants: { ...options.constants, LANES: lanes } };
  const rows = { name: "rows", kernel: kernel(source, sized), groups: groups(lanes, 1), uniforms };
  if (!gpu.has("subgroups")) return [rows];
  const quad = {
    name: "quad",
    kernel: kernel(quadSource(source), sized),
    groups: groups(lanes, 4),
    uniforms,
  };
  return [rows, quad];
}

/**
 * Row length for which a kernel keeps room, for its constant D: 64, 128 or 256. Few values, since each is a kernel to
 * compile; the real length is the uniform d4.
 */
export const roomFor = (d: number): number => (d <= 64 ? 64 : d <= 128 ? 128 : 256);
