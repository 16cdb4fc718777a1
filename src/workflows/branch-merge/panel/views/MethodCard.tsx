// The method of a recipe with its formula, its models and its parameters: fields made from the method's record. They
// write the recipe's text and are read from it.
import { NumberInput, Select, Switch } from "@mantine/core";
import { type ReactNode, useId } from "react";
import { Help } from "../../../../ui/Help";
import { Panel as Card } from "../../../../ui/Panel";
import type { FormValue, MethodInfo, RecipeForm } from "../../protocol-service";
import classes from "../Panel.module.css";
import { fitted } from "../recipe-text";
import { isBusy, type MergeLab, type MergeState } from "../store";

type Parameter = MethodInfo["parameters"][string];
const TYPES = ["float32", "bfloat16", "float16"];

export function MethodCard({ lab, state }: { lab: MergeLab; state: MergeState }) {
  const { methods, form, models, text, job } = state;
  const method = methods.find((one) => one.id === form?.method);
  const isBlocked = isBusy(job);
  const isOwn = form === null && text.trim() !== "";
  return (
    <Card title="Method" note={method && `Source: ${method.source}`}>
      <Select
        label="Merge method"
        data={methods.map(({ id, title }) => ({ value: id, label: title }))}
        value={form?.method ?? null}
        placeholder={isOwn ? "As the recipe says" : "Add models first"}
        disabled={isBlocked || models.length === 0 || isOwn}
        allowDeselect={false}
        searchable
        onChange={(id) => id && lab.setMethod(id)}
      />
      {isOwn && (
        <div className={classes.quiet}>
          This recipe says more than the form can show (slices, gradients, filters, several stages) or has a
          fault: its text is what counts.
        </div>
      )}
      {method && form && (
        <>
          <p className={classes.formula}>{method.formula}</p>
          <Fields
            key={method.id}
            form={form}
            method={method}
            paths={models.map((model) => model.path)}
            disabled={isBlocked}
            onChange={lab.setForm}
          />
        </>
      )}
    </Card>
  );
}

function Fields(props: {
  form: RecipeForm;
  method: MethodInfo;
  paths: readonly string[];
  disabled: boolean;
  onChange(form: RecipeForm): void;
}): ReactNode {
  const { form, method, paths, disabled, onChange } = props;
  const all = Object.entries(method.parameters);
  const own = all.filter(([, { scope }]) => scope !== "shared");
  const shared = all.filter(([, { scope }]) => scope === "shared");
  const setBase = (base: string | null): void => {
    const listed = base === null || form.models.some((model) => model.path === base);
    const models = [...form.models, ...(listed ? [] : [{ path: base, parameters: {} }])];
    // The base before is merged like the others.
    if (form.base !== null && !models.some((model) => model.path === form.base))
      models.push({ path: form.base, parameters: {} });
    onChange(fitted({ ...form, base, models }, method));
  };
  const setOwn = (path: string, name: string, value: FormValue | undefined): void =>
    onChange({
      ...form,
      models: form.models.map((model) =>
        model.path === path ? { path, parameters: changed(model.parameters, name, value) } : model,
      ),
    });
  return (
    <>
      {method.base !== "none" && (
        <Select
          label="Base model"
          data={[...new Set([...paths, ...(form.base ? [form.base] : [])])]}
          value={form.base}
          placeholder="None"
          disabled={disabled}
          clearable={method.base === "optional"}
          onChange={setBase}
        />
      )}
      {form.models.map(({ path, parameters }) => (
        // biome-ignore lint/a11y/useSemanticElements: a legend cannot stand below a line
        <div key={path} role="group" aria-label={path} className={classes.group}>
          <div className={classes.groupName}>{path}</div>
          <div className={classes.fields}>
            {own.map(([name, parameter]) => (
              <Field
                key={name}
                {...{ name, parameter, disabled }}
                value={parameters[name]}
                onChange={(value) => setOwn(path, name, value)}
              />
            ))}
          </div>
        </div>
      ))}
      {/* biome-ignore lint/a11y/useSemanticElements: as above */}
      <div role="group" aria-label="For all models" className={classes.group}>
        <div className={classes.groupName}>For all models</div>
        <div className={classes.fields}>
          {shared.map(([name, parameter]) => (
            <Field
              key={name}
              {...{ name, parameter, disabled }}
              value={form.shared[name]}
              onChange={(value) => onChange({ ...form, shared: changed(form.shared, name, value) })}
            />
          ))}
          <Select
            label="Output type"
            data={TYPES}
            value={form.outDtype ?? form.dtype}
            placeholder="As the models"
            disabled={disabled}
            clearable
            onChange={(dtype) =>
              onChange({
                ...form,
                dtype: form.outDtype ? form.dtype : dtype,
                outDtype: form.outDtype && dtype,
              })
            }
          />
          <Select
            label="Tokenizer"
            data={["union", "base"]}
            value={form.tokenizer}
            placeholder="Copied"
            disabled={disabled}
            clearable
            onChange={(tokenizer) => onChange({ ...form, tokenizer: tokenizer as RecipeForm["tokenizer"] })}
          />
        </div>
      </div>
    </>
  );
}

function changed(
  values: Readonly<Record<string, FormValue>>,
  name: string,
  value: FormValue | undefined,
): Record<string, FormValue> {
  const { [name]: _, ...rest } = values;
  return value === undefined ? rest : { ...rest, [name]: value };
}

/** Empty means the default, where there is one. */
function Field(props: {
  name: string;
  parameter: Parameter;
  value: FormValue | undefined;
  disabled: boolean;
  onChange(value: FormValue | undefined): void;
}): ReactNode {
  const { name, parameter, value, disabled, onChange } = props;
  const { kind, default: standard, help } = parameter;
  const id = useId();
  return (
    <div className={classes.field}>
      <div className={classes.labelLine}>
        <label htmlFor={id} className={classes.label}>
          {name}
        </label>
        <Help about={name}>{help}</Help>
      </div>
      {kind === "bool" ? (
        <Switch
          id={id}
          size="sm"
          checked={(value ?? standard) === true}
          disabled={disabled}
          onChange={(event) => {
            const next = event.currentTarget.checked;
            onChange(next === standard ? undefined : next);
          }}
        />
      ) : (
        <NumberInput
          id={id}
          value={typeof value === "boolean" ? "" : (value ?? "")}
          placeholder={typeof standard === "number" ? String(standard) : "not set"}
          step={kind === "whole" ? 1 : 0.1}
          allowDecimal={kind === "number"}
          disabled={disabled}
          onChange={(next) => onChange(next === "" ? undefined : Number(next))}
        />
      )}
    </div>
  );
}
