// Where files come in: a drop target with a visible button. It checks names by extension and reads no bytes.
import { Button, Loader } from "@mantine/core";
import { Dropzone as MantineDropzone } from "@mantine/dropzone";
import "@mantine/dropzone/styles.layer.css";
import { IconFileUpload, IconX } from "@tabler/icons-react";
import { type ReactNode, useRef, useState } from "react";
import { busy as markBusy } from "../base/idle";
import classes from "./Dropzone.module.css";
import { extensionProblem } from "./file-names";
import { errorRecord } from "./states";

interface Props {
  label: string;
  /** With the dot: [".safetensors", ".npz"]. */
  extensions: readonly string[];
  /** A rejection is shown in place. */
  onFiles(files: File[]): void | Promise<void>;
  hint?: string;
  multiple?: boolean;
  busy?: boolean;
  disabled?: boolean;
  /** Anything thrown, a record, or text; shown in place. */
  error?: unknown;
  /** More ways in, such as a generated example. */
  actions?: ReactNode;
  compact?: boolean;
}

/** Drag, click or keyboard; the file never leaves the machine. */
export function Dropzone(props: Props): ReactNode {
  const open = useRef<() => void>(null);
  const [failure, setFailure] = useState<unknown>();
  const [isReading, setReading] = useState(false);
  const isBusy = props.busy || isReading;
  const error = failure ?? props.error;
  const take = async (files: File[]): Promise<void> => {
    const end = markBusy();
    setFailure(undefined);
    setReading(true);
    try {
      await props.onFiles(files);
    } catch (thrown) {
      setFailure(thrown);
    } finally {
      setReading(false);
      end();
    }
  };
  return (
    <div>
      <MantineDropzone
        openRef={open}
        className={classes.zone}
        classNames={{ inner: classes.inner }}
        data-compact={props.compact || undefined}
        data-error={error !== undefined || undefined}
        activateOnClick={false}
        activateOnKeyboard={false}
        tabIndex={-1}
        role="group"
        aria-label={props.label}
        multiple={props.multiple ?? false}
        disabled={props.disabled || isBusy}
        inputProps={{ accept: props.extensions.join(","), "aria-label": props.label }}
        validator={(file) => {
          const text = extensionProblem(file.name, props.extensions);
          return text ? { code: "extension", message: text } : null;
        }}
        onDrop={(files) => void take(files)}
        onReject={(rejections) => setFailure(rejections[0].errors[0].message)}
      >
        {isBusy ? (
          <Loader size={22} />
        ) : (
          <IconFileUpload size={22} stroke={1.5} aria-hidden className={classes.icon} />
        )}
        <div className={classes.label}>{isBusy ? "Reading" : props.label}</div>
        {props.hint && <div className={classes.hint}>{props.hint}</div>}
        <div className={classes.buttons}>
          <Button variant="default" disabled={props.disabled || isBusy} onClick={() => open.current?.()}>
            {props.multiple ? "Choose files" : "Choose a file"}
          </Button>
          {props.actions}
        </div>
        <div className={classes.hint}>{props.extensions.join("  ")} · stays on this machine</div>
      </MantineDropzone>
      {error !== undefined && (
        <div className={classes.error} role="alert">
          <IconX size={14} aria-hidden />
          <span>{errorRecord(error).message}</span>
        </div>
      )}
    </div>
  );
}
