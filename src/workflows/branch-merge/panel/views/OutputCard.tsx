// Where the merged model goes: a folder of the reader's choice, or the page's private files to save from. It writes nothing.
import { Button } from "@mantine/core";
import { useState } from "react";
import { Panel as Card } from "../../../../ui/Panel";
import { errorRecord } from "../../../../ui/states";
import { folderPicker, pickFolder } from "../folders";
import classes from "../Panel.module.css";
import { isBusy, type MergeLab, type MergeState } from "../store";

export function OutputCard({ lab, state }: { lab: MergeLab; state: MergeState }) {
  const { target, job } = state;
  const [failure, setFailure] = useState<unknown>();
  const hasPicker = folderPicker() !== undefined;
  const choose = async (): Promise<void> => {
    setFailure(undefined);
    try {
      const handle = await pickFolder("readwrite", "tessera-merged");
      if (handle) lab.setTarget({ kind: "handle", handle, name: handle.name });
    } catch (error) {
      setFailure(error);
    }
  };
  return (
    <Card
      title="Output"
      note={target.kind === "handle" ? `Folder ${target.name}` : "Private files of this page"}
    >
      <div className={classes.quiet}>
        {target.kind === "handle"
          ? "The folder must be empty, or hold the beginning of this merge."
          : "Kept in the browser's storage until the next merge; save the files from there when it is done."}
      </div>
      <div className={classes.buttons}>
        {hasPicker && (
          <Button variant="default" disabled={isBusy(job)} onClick={() => void choose()}>
            Choose a folder
          </Button>
        )}
        {target.kind === "handle" && (
          <Button
            variant="default"
            disabled={isBusy(job)}
            onClick={() => lab.setTarget({ kind: "private", name: "private files of this page" })}
          >
            Use private files
          </Button>
        )}
      </div>
      {failure !== undefined && (
        <div className={classes.bad} role="alert">
          {errorRecord(failure).message}
        </div>
      )}
    </Card>
  );
}
