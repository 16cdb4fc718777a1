// The generator of structured q, k and v: its settings, use on this page, and saving as a file.
import { Button, Group } from "@mantine/core";
import { busy } from "../../../../base/idle";
import { Panel as Card } from "../../../../ui/Panel";
import { ParamField } from "../../../../ui/ParamField";
import { saveBytes } from "../../../../ui/save";
import { toast } from "../../../../ui/toasts";
import { type SynthSettings, synthParams } from "../../protocol-params";
import type { LabState } from "../state";
import { isBusy, type Lab } from "../store";
import classes from "./Generator.module.css";

const NAMES = Object.keys(synthParams) as (keyof SynthSettings)[];

export function GeneratorCard({ lab, state }: { lab: Lab; state: LabState }) {
  const { synth } = state.choices;
  const isLocked = isBusy(state.job) || state.input.state === "waiting";
  const save = async (): Promise<void> => {
    const end = busy();
    try {
      const file = await lab.synthFile(synth);
      saveBytes(file.name, file.bytes, file.type);
    } catch (error) {
      toast.error(error, { title: "The generated tensors were not saved" });
    } finally {
      end();
    }
  };
  return (
    <Card
      title="Generated tensors"
      note="Synthetic data: generated, not from a model"
      help="Queries and keys with frame locality, stripes across frames, a sink and text columns; heads run from sharp to diffuse."
    >
      <div className={classes.fields}>
        {NAMES.map((name) => (
          <ParamField
            key={name}
            name={name}
            param={synthParams[name]}
            value={synth[name]}
            disabled={isLocked}
            onChange={(value) => lab.set({ synth: { ...synth, [name]: value } })}
          />
        ))}
      </div>
      <Group gap={8}>
        <Button disabled={isLocked} onClick={() => void lab.load({ kind: "synth", settings: synth })}>
          Generate and use
        </Button>
        <Button variant="default" disabled={isLocked} onClick={() => void save()}>
          Save as safetensors
        </Button>
      </Group>
    </Card>
  );
}
