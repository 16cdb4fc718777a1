// Forms as recipes: the YAML text of a form, and forms that a method can start with. It reads no YAML.
import type { FormValue, MethodInfo, RecipeForm } from "../protocol-service";

/** The text of a recipe. Reading it gives the same form. */
export function recipeText(form: RecipeForm): string {
  const lines = [`merge_method: ${form.method}`];
  if (form.base !== null) lines.push(`base_model: ${scalar(form.base)}`);
  lines.push("models:");
  for (const { path, parameters } of form.models) {
    lines.push(`  - model: ${scalar(path)}`);
    const own = Object.entries(parameters);
    if (own.length)
      lines.push("    parameters:", ...own.map(([name, value]) => `      ${name}: ${scalar(value)}`));
  }
  const shared = Object.entries(form.shared);
  if (shared.length)
    lines.push("parameters:", ...shared.map(([name, value]) => `  ${name}: ${scalar(value)}`));
  if (form.dtype) lines.push(`dtype: ${form.dtype}`);
  if (form.outDtype) lines.push(`out_dtype: ${form.outDtype}`);
  if (form.tokenizer) lines.push(`tokenizer_source: ${form.tokenizer}`);
  return `${lines.join("\n")}\n`;
}

/** Plain where YAML reads it back as the same text, else in quotes. */
function scalar(value: FormValue): string {
  if (typeof value !== "string") return String(value);
  const isWord = /^[A-Za-z_][\w./-]*$/.test(value) && !/^(true|false|null|yes|no|on|off)$/i.test(value);
  return isWord ? value : JSON.stringify(value);
}

/** What a parameter without a default begins with; nearswap's t is a step, not a share. */
function start(method: string, name: string, models: number): number {
  if (name === "weight") return Number((1 / models).toFixed(3));
  return method === "nearswap" ? 1e-4 : 0.5;
}

/**
 * The form for a method: parameters that it does not know go, those that it needs begin with a sensible value, and the
 * models are as many as it takes, those of the form first.
 */
export function fitted(form: RecipeForm, method: MethodInfo): RecipeForm {
  const listed = form.models.filter((model) => model.path !== form.base);
  let base = form.base;
  let models = listed;
  if (method.base === "none") {
    if (base !== null)
      models = [form.models.find((m) => m.path === base) ?? { path: base, parameters: {} }, ...listed];
    base = null;
  } else if (method.base === "required" && base === null && listed.length) {
    base = listed[0].path;
    models = listed.slice(1);
  }
  models = models.slice(0, method.models[1]);
  const of = (isShared: boolean, values: Record<string, FormValue>): Record<string, FormValue> => {
    const found: Record<string, FormValue> = {};
    for (const [name, { scope, default: value }] of Object.entries(method.parameters)) {
      if ((scope === "shared") !== isShared) continue;
      if (name in values) found[name] = values[name];
      else if (value === undefined) found[name] = start(method.id, name, Math.max(1, models.length));
    }
    return found;
  };
  return {
    ...form,
    method: method.id,
    base,
    models: models.map(({ path, parameters }) => ({ path, parameters: of(false, parameters) })),
    shared: of(true, form.shared),
  };
}

/** A form over models: the first is the base where the method has one. */
export function begun(method: MethodInfo, paths: readonly string[]): RecipeForm {
  const models = paths.map((path) => ({ path, parameters: {} }));
  const empty = { method: method.id, base: null, shared: {}, dtype: null, outDtype: null, tokenizer: null };
  return fitted({ ...empty, models }, method);
}
