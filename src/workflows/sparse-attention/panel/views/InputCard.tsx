// Where q, k and v come from: a file or the generator, and in one line what was found in it.
import { Anchor, Button, Text } from "@mantine/core";
import { useStore } from "zustand";
import { formatBytes } from "../../../../base/stats";
import { Dropzone } from "../../../../ui/Dropzone";
import { Panel as Card } from "../../../../ui/Panel";
import type { InputInfo } from "../../protocol";
import type { Settings } from "../../protocol-params";
import { isBusy, type Lab } from "../store";

export function InputCard({ lab, settings }: { lab: Lab; settings: Settings }) {
  const { input, job } = useStore(lab.state);
  const info = input.value;
  const isRunning = isBusy(job);
  return (
    <Card title="Input" note={info && (info.synthetic ? "Synthetic data, made by the generator" : info.name)}>
      <Dropzone
        label="Drop a file with q, k and v"
        extensions={[".safetensors", ".npz", ".npy"]}
        onFiles={([file]) =>
          lab.load({ kind: "file", blob: file, name: file.name, pattern: settings.pattern })
        }
        busy={input.state === "waiting"}
        disabled={isRunning}
        error={input.error}
        actions={
          <Button
            variant="default"
            disabled={isRunning || input.state === "waiting"}
            onClick={() => void lab.example()}
          >
            Use a generated example
          </Button>
        }
        compact
      />
      {info && (
        <Text size="sm">
          {foundWords(info)}{" "}
          <Anchor component="button" type="button" inherit onClick={() => lab.set({ view: "tensors" })}>
            All tensors
          </Anchor>
        </Text>
      )}
    </Card>
  );
}

function foundWords({ triples, bytes }: InputInfo): string {
  const first = triples[0];
  const count = triples.length === 1 ? "One q, k, v triple" : `${triples.length} q, k, v triples`;
  const sizes = first
    ? ` of ${first.heads} heads, ${first.length.toLocaleString("en")} tokens, width ${first.dim}, ${first.dtype}`
    : "";
  return `${count}${sizes}; ${formatBytes(bytes)}.`;
}
