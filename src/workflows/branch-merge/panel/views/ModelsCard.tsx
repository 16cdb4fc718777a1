// The models of the page: added by folder, or the generated samples; each in a line. It opens no file.
import { ActionIcon, Button } from "@mantine/core";
import { IconFolderPlus, IconX } from "@tabler/icons-react";
import { useRef, useState } from "react";
import { formatBytes } from "../../../../base/stats";
import { Panel as Card } from "../../../../ui/Panel";
import { errorRecord } from "../../../../ui/states";
import type { ModelInfo } from "../../protocol";
import { folderPicker, modelsIn, modelsOf, pickFolder } from "../folders";
import classes from "../Panel.module.css";
import { isBusy, type MergeLab, type MergeState } from "../store";

export function ModelsCard({ lab, state }: { lab: MergeLab; state: MergeState }) {
  const { models, opening, openError, isSample, job } = state;
  const input = useRef<HTMLInputElement>(null);
  const [failure, setFailure] = useState<unknown>();
  const isBlocked = opening !== undefined || isBusy(job);
  const add = async (): Promise<void> => {
    setFailure(undefined);
    if (!folderPicker()) return input.current?.click();
    try {
      const handle = await pickFolder("read", "tessera-models");
      if (handle) await lab.add(await modelsIn(handle));
    } catch (error) {
      setFailure(error);
    }
  };
  const error = failure ?? openError;
  return (
    <Card
      title="Models"
      note={
        isSample
          ? "Synthetic: made by a formula, never trained"
          : "Folders with .safetensors or PyTorch files, as Hugging Face keeps them"
      }
    >
      {models.length > 0 && (
        <div>
          {models.map((model) => (
            <div key={model.path} className={classes.model}>
              <div>
                <div className={classes.name}>{model.path}</div>
                <div className={classes.quiet}>{modelWords(model)}</div>
                {model.notes.map((note) => (
                  <div key={note} className={classes.quiet}>
                    {note}
                  </div>
                ))}
              </div>
              <ActionIcon
                aria-label={`Remove ${model.path}`}
                disabled={isBlocked}
                onClick={() => void lab.remove(model.path)}
              >
                <IconX size={14} aria-hidden />
              </ActionIcon>
            </div>
          ))}
        </div>
      )}
      <div className={classes.buttons}>
        <Button
          variant="default"
          leftSection={<IconFolderPlus size={15} aria-hidden />}
          disabled={isBlocked}
          onClick={() => void add()}
        >
          Add a folder
        </Button>
        <Button variant="default" disabled={isBlocked} onClick={() => void lab.samples()}>
          Use sample models
        </Button>
      </div>
      <input
        ref={input}
        type="file"
        hidden
        multiple
        aria-label="Folder of a model"
        {...{ webkitdirectory: "" }}
        onChange={(event) => {
          const files = [...(event.currentTarget.files ?? [])];
          event.currentTarget.value = "";
          if (files.length) void lab.add(modelsOf(files));
        }}
      />
      {error !== undefined && (
        <div className={classes.bad} role="alert">
          {errorRecord(error).message}
        </div>
      )}
      <div className={classes.quiet}>Read in pieces where they lie; nothing is uploaded.</div>
    </Card>
  );
}

function modelWords({
  architecture,
  parameters,
  bytes,
  dtypes,
  layers,
  vocabulary,
  head,
}: ModelInfo): string {
  const size =
    parameters >= 1e9 ? `${(parameters / 1e9).toFixed(2)} B` : `${(parameters / 1e6).toFixed(2)} M`;
  const parts = [
    architecture ?? "architecture unknown",
    `${size} parameters, ${dtypes.map((one) => one.dtype).join(" and ")}, ${formatBytes(bytes)}`,
    layers > 0 ? `${layers} layers` : undefined,
    vocabulary !== null ? `${vocabulary.toLocaleString("en")} tokens` : undefined,
    head === "tied" ? "tied head" : undefined,
  ];
  return parts.filter((part) => part !== undefined).join(" · ");
}
