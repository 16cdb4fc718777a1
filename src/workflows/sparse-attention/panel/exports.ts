// What a run can be saved as. The session writes the files; this gives them to the user with the code that loads them.
import type { ExportItem } from "../../../ui/ExportMenu";
import { copyText, saveBytes } from "../../../ui/save";
import { toast } from "../../../ui/toasts";
import type { ExportFormat } from "../protocol";
import { type LabState, snapshotOf } from "./state";
import type { Lab } from "./store";

const MASKS: readonly { format: ExportFormat; label: string; hint: string }[] = [
  { format: "flex-attention", label: "FlexAttention", hint: "kv_num_blocks and kv_indices" },
  { format: "sparge", label: "SpargeAttn", hint: "mask of 128 × 64 blocks" },
  { format: "block-sparse-attention", label: "Block-Sparse-Attention", hint: "mask of 128 × 128 blocks" },
  { format: "flashinfer", label: "FlashInfer", hint: "block-sparse rows of each head" },
];

/** Why nothing of the session can be saved now, or undefined. */
function whyNoResults({ heads, saved }: LabState): string | undefined {
  if (heads.length === 0) return "Run the analysis first";
  return saved ? "Not kept with a stored run: run it again" : undefined;
}

/** Why there is no mask of the triple that is chosen, or undefined. */
export function whyNoMask(state: LabState): string | undefined {
  const { heads, selected, input } = state;
  const why = whyNoResults(state);
  if (why) return why;
  const id = selected?.triple ?? heads[0].triple;
  const triple = input.value?.triples.find((t) => t.id === id);
  const own = heads.filter((h) => h.triple === id);
  if (triple && own.length < triple.heads)
    return `A mask needs all ${triple.heads} heads of ${id}, ${own.length} are done`;
  if (triple && own[0].rows < triple.length)
    return `Rows were sampled: set sampled rows to ${triple.length} and run again`;
  return undefined;
}

/** The items of the export menu; masks and arrays are of the layer or step that is chosen in the block map. */
export function exportItems(lab: Lab, state: LabState): ExportItem[] {
  const [noResults, noMask] = [whyNoResults(state), whyNoMask(state)];
  const copy = (format: ExportFormat, label: string) => async (): Promise<void> => {
    const { snippet } = await lab.exportFile(format);
    if (snippet !== null) await copyText(snippet, `Python for ${label}`);
  };
  const save = async (format: ExportFormat): Promise<void> => {
    const { name, bytes, type } = await lab.exportFile(format);
    saveBytes(name, bytes, type);
  };
  const id = state.selected?.triple ?? state.heads[0]?.triple;
  const group = id ? `Mask of ${id} as npz` : "Mask as npz";
  return [
    ...MASKS.map(({ format, label, hint }) => ({
      label,
      hint,
      group,
      disabled: noMask,
      async run() {
        await save(format);
        toast.good("The Python that loads it can be copied.", {
          title: `Mask for ${label} saved`,
          key: `saved ${format}`,
          action: { label: "Copy Python", run: () => void copy(format, label)() },
        });
      },
    })),
    ...MASKS.map(({ format, label }) => ({
      label: `Copy Python for ${label}`,
      group: "Code that loads it",
      disabled: noMask,
      run: copy(format, label),
    })),
    {
      label: "Arrays (npz)",
      group: "Results",
      hint: "outputs, LSE, masses, indices",
      disabled: noResults,
      run: () => save("results"),
    },
    { label: "All heads (CSV)", group: "Results", disabled: noResults, run: () => save("csv") },
    {
      label: "Everything shown (JSON)",
      group: "Results",
      hint: "settings, heads, curves, times",
      disabled: snapshotOf(state) ? undefined : "Run something first",
      run: () => saveBytes("results.json", JSON.stringify(snapshotOf(state), null, 2), "application/json"),
    },
  ];
}
