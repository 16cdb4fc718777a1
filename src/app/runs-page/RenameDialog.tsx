// Asks for a run's new name. Empty names are refused in place.
import { Button, Group, Modal, TextInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useState } from "react";
import type { RunRecord } from "../../runs/record";
import { renameRun } from "./runs-store";

const LONGEST = 120;

export function RenameDialog(props: { record: RunRecord | undefined; onClose(): void }): ReactNode {
  return (
    <Modal
      opened={props.record !== undefined}
      onClose={props.onClose}
      title="Rename the run"
      closeButtonProps={{ "aria-label": "Close" }}
    >
      {props.record && <NameForm key={props.record.id} record={props.record} onClose={props.onClose} />}
    </Modal>
  );
}

function NameForm(props: { record: RunRecord; onClose(): void }): ReactNode {
  const [name, setName] = useState(props.record.name);
  const isEmpty = name.trim() === "";
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (isEmpty) return;
    void renameRun(props.record.id, name.trim());
    props.onClose();
  };
  return (
    <form onSubmit={submit}>
      <TextInput
        data-autofocus
        size="sm"
        label="Name"
        maxLength={LONGEST}
        value={name}
        error={isEmpty && "A name is needed."}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <Group justify="flex-end" mt="md" gap="xs">
        <Button variant="default" onClick={props.onClose}>
          Keep the old name
        </Button>
        <Button type="submit" disabled={isEmpty}>
          Rename
        </Button>
      </Group>
    </form>
  );
}
