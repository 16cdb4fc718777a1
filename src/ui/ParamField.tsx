// One field of a parameter form, by kind: number with slider, choice, switch, text. It validates while one types.
import {
  ActionIcon,
  NumberInput,
  SegmentedControl,
  Select,
  Slider,
  Switch,
  TextInput,
  Tooltip,
  VisuallyHidden,
} from "@mantine/core";
import { IconRestore } from "@tabler/icons-react";
import { type ReactNode, useId, useState } from "react";
import type { ChoiceParam, FloatParam, IntParam, Param, TextParam } from "../base/params";
import { Help } from "./Help";
import classes from "./ParamsForm.module.css";
import { fieldLabel, fitsSegments, readDraft, sliderMap } from "./params-form";

type Value = string | number | boolean;
interface FieldProps<P extends Param = Param> {
  name: string;
  param: P;
  value: unknown;
  disabled?: boolean;
  note?: string;
  onChange(value: Value): void;
}
interface Inner<P extends Param> extends FieldProps<P> {
  id: string;
  helpId: string;
  label: string;
}

/** Label, help, reset, the control, and a note or a message below it. */
export function ParamField(props: FieldProps): ReactNode {
  const { name, param, value, note } = props;
  const id = useId();
  const label = fieldLabel(name, param);
  const inner = { ...props, id, helpId: `${id}-help`, label };
  const isChanged = value !== param.default;
  const isBeside = param.kind === "bool" || param.kind === "int" || param.kind === "float";
  return (
    <div className={classes.field}>
      <div className={classes.labelLine}>
        <label htmlFor={id} className={classes.label} id={`${id}-label`}>
          {label}
        </label>
        <Help about={label}>{param.help}</Help>
        <VisuallyHidden id={inner.helpId}>{param.help}</VisuallyHidden>
        {isChanged && !props.disabled && (
          <Tooltip label={`Back to ${String(param.default)}`}>
            <ActionIcon
              size={18}
              aria-label={`Reset ${label} to ${String(param.default)}`}
              onClick={() => props.onChange(param.default)}
            >
              <IconRestore size={13} aria-hidden />
            </ActionIcon>
          </Tooltip>
        )}
        {isBeside && <span className={classes.push} />}
        {param.kind === "bool" && (
          <Switch
            id={id}
            size="sm"
            checked={value === true}
            disabled={props.disabled}
            aria-describedby={inner.helpId}
            onChange={(event) => props.onChange(event.currentTarget.checked)}
          />
        )}
      </div>
      {(param.kind === "int" || param.kind === "float") && <NumberField {...inner} param={param} />}
      {param.kind === "choice" && <ChoiceField {...inner} param={param} />}
      {param.kind === "text" && <TextField {...inner} param={param} />}
      {note && <div className={classes.note}>{note}</div>}
    </div>
  );
}

/** The text being typed, while it differs from the value; a new value from outside replaces it. */
function useDraft(props: FieldProps): {
  text: string;
  problem?: string;
  type(text: string): void;
  settle(): void;
} {
  const [draft, setDraft] = useState<{ of: unknown; text: string; problem?: string }>();
  const isCurrent = draft !== undefined && draft.of === props.value;
  return {
    text: isCurrent ? draft.text : String(props.value),
    problem: isCurrent ? draft.problem : undefined,
    type(text) {
      const read = readDraft(props.name, props.param, text);
      if ("problem" in read) return setDraft({ of: props.value, text, problem: read.problem });
      setDraft({ of: read.value, text });
      if (read.value !== props.value) props.onChange(read.value);
    },
    settle() {
      if (isCurrent && !draft.problem) setDraft(undefined);
    },
  };
}

function NumberField(props: Inner<IntParam | FloatParam>): ReactNode {
  const { param, value } = props;
  const draft = useDraft(props);
  const slider = sliderMap(param);
  const number = typeof value === "number" ? value : param.default;
  return (
    <>
      <div className={classes.number}>
        {slider && (
          <Slider
            className={classes.slider}
            size={4}
            thumbSize={14}
            min={slider.min}
            max={slider.max}
            step={slider.step}
            value={slider.toSlider(number)}
            disabled={props.disabled}
            label={null}
            thumbLabel={`${props.label}, slider`}
            thumbProps={{ "aria-valuetext": `${number}${param.unit ? ` ${param.unit}` : ""}` }}
            onChange={(position) => props.onChange(slider.fromSlider(position))}
          />
        )}
        <NumberInput
          id={props.id}
          className={classes.numberInput}
          data-alone={!slider || undefined}
          value={draft.text}
          step={
            param.step ??
            (param.kind === "int" ? 1 : slider && slider.max === param.max ? slider.step : undefined)
          }
          allowDecimal={param.kind === "float"}
          allowNegative={param.min < 0}
          disabled={props.disabled}
          error={draft.problem !== undefined}
          aria-describedby={`${props.helpId} ${props.id}-problem`}
          onChange={(next) => draft.type(String(next))}
          onBlur={draft.settle}
          rightSectionWidth={param.unit ? 18 : undefined}
        />
        {param.unit && <span className={classes.unit}>{param.unit}</span>}
      </div>
      <Problem id={`${props.id}-problem`} text={draft.problem} />
    </>
  );
}

function ChoiceField(props: Inner<ChoiceParam>): ReactNode {
  const { param } = props;
  const data = param.options.map((option) => ({ value: option, label: param.labels?.[option] ?? option }));
  if (fitsSegments(data.map((item) => item.label))) {
    return (
      <SegmentedControl
        fullWidth
        data={data}
        value={String(props.value)}
        disabled={props.disabled}
        aria-labelledby={`${props.id}-label`}
        aria-describedby={props.helpId}
        onChange={props.onChange}
      />
    );
  }
  return (
    <Select
      id={props.id}
      data={data}
      value={String(props.value)}
      disabled={props.disabled}
      allowDeselect={false}
      aria-describedby={props.helpId}
      onChange={(next) => next !== null && props.onChange(next)}
    />
  );
}

function TextField(props: Inner<TextParam>): ReactNode {
  const draft = useDraft(props);
  return (
    <>
      <TextInput
        id={props.id}
        value={draft.text}
        disabled={props.disabled}
        error={draft.problem !== undefined}
        aria-describedby={`${props.helpId} ${props.id}-problem`}
        spellCheck={false}
        onChange={(event) => draft.type(event.currentTarget.value)}
      />
      <Problem id={`${props.id}-problem`} text={draft.problem} />
    </>
  );
}

function Problem(props: { id: string; text?: string }): ReactNode {
  return (
    <div id={props.id} className={classes.problem} role={props.text ? "alert" : undefined}>
      {props.text}
    </div>
  );
}
