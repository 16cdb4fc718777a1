// Where the merged model goes: a folder of the reader's choice, or the page's private files to save from. It writes nothing.
import { Button } from "@mantine/core";
import { useEffect, useState } from "react";
import { formatBytes } from "../../../../base/stats";
import { Panel as Card } from "../../../../ui/Panel";
import { errorRecord } from "../../../../ui/states";
import { folderPicker, pickFolder } from "../folders";
import classes from "../Panel.module.css";
import { isBusy, type MergeLab, type MergeState } from "../store";

export function OutputCard({ lab, state }: { lab: MergeLab; state: MergeState }) {
  const { target, job, preflight } = state;
  const free = useFree(isBusy(job));
  const isShort = target.kind === "private" && free !== undefined && (preflight?.bytesToWrite ?? 0) > free;
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
        {target.kind === "private" && free !== undefined && ` About ${formatBytes(free)} are free there.`}
      </div>
      {isShort && (
        <div className={classes.bad} role="status">
          The output takes {formatBytes(preflight!.bytesToWrite)}: more than is free there.
          {hasPicker && " Choose a folder instead."}
        </div>
      )}
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

/** Bytes that the browser still gives this page; asked again when a merge begins or ends. */
function useFree(isRunning: boolean): number | undefined {
  const [free, setFree] = useState<number>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: a merge changes what is free
  useEffect(() => {
    let isCurrent = true;
    void navigator.storage?.estimate().then(({ quota, usage }) => {
      if (isCurrent && quota !== undefined && usage !== undefined) setFree(Math.max(0, quota - usage));
    });
    return () => {
      isCurrent = false;
    };
  }, [isRunning]);
  return free;
}
