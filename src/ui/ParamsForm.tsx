// The form of a parameter record: fields in collapsible groups and a way back to the defaults. Fields are ParamField's.
import { Button, UnstyledButton } from "@mantine/core";
import { IconChevronRight, IconRestore } from "@tabler/icons-react";
import { type ReactNode, useId, useState } from "react";
import type { ParamSpec, ParamValues } from "../base/params";
import { ParamField } from "./ParamField";
import classes from "./ParamsForm.module.css";
import { groupFields } from "./params-form";

interface Props<S extends ParamSpec> {
  spec: S;
  values: ParamValues<S>;
  /** Gets valid values only; a draft that is not valid stays in its field with a message. */
  onChange(change: Partial<ParamValues<S>>): void;
  /** Only these fields, in this order. */
  names?: readonly (keyof S & string)[];
  disabled?: boolean;
  /** An extra line under a field, such as "= 64 blocks". */
  notes?: Partial<Record<keyof S & string, string>>;
  /** Titles of groups that start closed. */
  closed?: readonly string[];
  /** Fields beside each other where there is room, for a form that has the width of the views. */
  wide?: boolean;
}

/** Labels, help, units, groups, reset and messages all come from the spec. */
export function ParamsForm<S extends ParamSpec>(props: Props<S>): ReactNode {
  const { spec, values } = props;
  const names = props.names ?? Object.keys(spec);
  const changed = names.filter((name) => values[name] !== spec[name].default);
  // The spec ties each name to its value type; inside the form, names are plain strings.
  const change = (next: Record<string, unknown>): void => props.onChange(next as Partial<ParamValues<S>>);
  return (
    <div className={classes.form} data-wide={props.wide || undefined}>
      {groupFields(spec, names).map((group) => (
        <FieldSet
          key={group.title}
          title={group.title}
          closed={props.closed?.includes(group.title)}
          changed={group.names.filter((n) => changed.includes(n)).length}
        >
          {group.names.map((name) => (
            <ParamField
              key={name}
              name={name}
              param={spec[name]}
              value={values[name]}
              disabled={props.disabled}
              note={props.notes?.[name]}
              onChange={(value) => change({ [name]: value })}
            />
          ))}
        </FieldSet>
      ))}
      <Button
        variant="subtle"
        color="gray"
        size="compact-xs"
        className={classes.reset}
        leftSection={<IconRestore size={13} aria-hidden />}
        disabled={props.disabled || changed.length === 0}
        onClick={() => change(Object.fromEntries(changed.map((name) => [name, spec[name].default])))}
      >
        Reset to defaults
      </Button>
    </div>
  );
}

/** On a narrow screen the form stands above the results: its groups start closed there, so that both are near. */
const hasRoom = (): boolean => matchMedia("(min-width: 62em)").matches;

function FieldSet(props: {
  title: string;
  changed: number;
  closed?: boolean;
  children: ReactNode;
}): ReactNode {
  const [isOpen, setOpen] = useState(() => !props.closed && hasRoom());
  const id = useId();
  if (props.title === "") return <div className={classes.fields}>{props.children}</div>;
  return (
    <div className={classes.group}>
      <UnstyledButton
        className={classes.groupTitle}
        aria-expanded={isOpen}
        aria-controls={id}
        onClick={() => setOpen(!isOpen)}
      >
        <IconChevronRight size={14} aria-hidden className={classes.chevron} data-open={isOpen || undefined} />
        {props.title}
        {props.changed > 0 && !isOpen && <span className={classes.count}>{props.changed} changed</span>}
      </UnstyledButton>
      <div id={id} className={classes.fields} hidden={!isOpen}>
        {props.children}
      </div>
    </div>
  );
}
