// What several views of the laboratory share: their props, what they show before there are results, and pickers.
import { Select } from "@mantine/core";
import { EmptyState, Loading } from "../../../../ui/states";
import type { TripleInfo } from "../../protocol";
import type { Settings } from "../../protocol-params";
import type { Job, LabState } from "../state";
import { isBusy, type Lab } from "../store";

export interface ViewProps {
  lab: Lab;
  state: LabState;
  settings: Settings;
  setParams(change: Partial<Settings>): void;
}

/** The note of every card that shows figures of generated tensors. */
export function originNote({ input }: LabState): string | undefined {
  return input.value?.synthetic ? "Synthetic data: generated, not from a model" : undefined;
}

/** The triple of this id, else the first; undefined without an input. */
export function tripleOf({ input }: LabState, id: string): TripleInfo | undefined {
  const triples = input.value?.triples ?? [];
  return triples.find((t) => t.id === id) ?? triples[0];
}

/** Why nothing can be computed now, or undefined. */
export function whyNot({ input, source, saved, inspection }: LabState): string | undefined {
  if (input.state === "none") return "Drop a file or use the generated example first";
  if (input.state === "waiting") return "Reading the input";
  if (input.state === "failed") return "The input could not be read";
  if (saved && !source) return "A stored run: drop its file again to run";
  if (inspection.state === "failed") return "These settings do not fit the input";
  return undefined;
}

/** As `whyNot`, also for a job while another one is under way. */
export function whyNotNow(state: LabState): string | undefined {
  return isBusy(state.job) ? "Something is running" : whyNot(state);
}

export const isRunning = (state: LabState, kind: Job["kind"]): boolean =>
  state.job.kind === kind && isBusy(state.job);

/** Shown by a view that needs an input, or undefined when there is one. */
export function MissingInput({ lab, state }: { lab: Lab; state: LabState }) {
  if (state.input.state === "waiting") return <Loading label="Reading the input" height={200} />;
  if (state.input.state === "failed")
    return (
      <EmptyState
        title="The input could not be read"
        why="What is wrong with it, what it holds and the naming pattern are under “Tensors”."
        action={{ label: "Show what is wrong", run: () => lab.set({ view: "tensors" }) }}
      />
    );
  return (
    <EmptyState
      title="No input yet"
      why="Drop a file with the q, k and v of an attention layer, or start with synthetic tensors, sized so that this device is done in seconds."
      action={{ label: "Use a generated example", run: () => void lab.example() }}
    />
  );
}

/** Shown by a view of analysed heads while there are none. */
export function MissingHeads({ lab, state }: { lab: Lab; state: LabState }) {
  if (isRunning(state, "analyse")) return <Loading label="Waiting for the first head" height={200} />;
  if (state.input.state !== "ready") return <MissingInput lab={lab} state={state} />;
  const { state: end, kind } = state.job;
  if (kind === "analyse" && (end === "failed" || end === "cancelled"))
    return (
      <EmptyState
        title="No head was finished"
        why={
          end === "failed"
            ? "The run stopped before its first head was done. The bar below says why."
            : "The run was cancelled before its first head was done."
        }
      />
    );
  return (
    <EmptyState
      title="Nothing was run yet"
      why="The input is read. Press “Run analysis” below; heads show up here as they finish."
    />
  );
}

/** Chooses a triple; not drawn where there is one only. */
export function TriplePicker(props: {
  triples: readonly { id: string }[];
  value: string | undefined;
  disabled?: boolean;
  onChange(id: string): void;
}) {
  if (props.triples.length < 2) return null;
  return (
    <Select
      label="Layer or step"
      w={190}
      searchable={props.triples.length > 12}
      data={props.triples.map((t) => t.id)}
      value={props.value ?? null}
      disabled={props.disabled}
      allowDeselect={false}
      onChange={(id) => id !== null && props.onChange(id)}
    />
  );
}
