// The recipe as text, with the fault at its line. What is typed here is what is merged.
import { Button, FileButton } from "@mantine/core";
import { Panel as Card } from "../../../../ui/Panel";
import { saveBytes } from "../../../../ui/save";
import { EmptyState, Warning } from "../../../../ui/states";
import classes from "../Panel.module.css";
import { isBusy } from "../store";
import type { ViewProps } from "./Views";

const LEAST_LINES = 14;

export function RecipeView({ lab, state }: ViewProps) {
  const { text, recipeError, models, job, preflight } = state;
  const lines = text.split("\n");
  const at = recipeError && faultLine(recipeError.message, recipeError.fields.line);
  const isBlocked = isBusy(job);
  return (
    <Card
      title="Recipe"
      note="mergekit's YAML"
      help="Recipes written for mergekit are taken as they are: models, slices, gradients, filters, tokenizer settings, several stages. Model names are those of the list on this page."
      actions={
        <>
          <FileButton
            accept=".yaml,.yml,.txt"
            onChange={(file) => file && void file.text().then((read) => lab.setText(read))}
          >
            {(props) => (
              <Button {...props} variant="default" size="xs" disabled={isBlocked}>
                Open
              </Button>
            )}
          </FileButton>
          <Button
            variant="default"
            size="xs"
            disabled={text === ""}
            onClick={() => saveBytes("recipe.yaml", text, "text/yaml")}
          >
            Save
          </Button>
        </>
      }
    >
      {models.length === 0 && text === "" && (
        <EmptyState
          compact
          title="No models yet"
          why="Add the folders of two or more models of one architecture. The samples show how it works: three tiny models, made in this page."
          action={{ label: "Use sample models", run: () => void lab.samples() }}
        />
      )}
      <div className={classes.editor}>
        <pre className={classes.numbers} aria-hidden>
          {lines.map((_, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a line is its number
            <div key={i} data-wrong={i + 1 === at || undefined}>
              {i + 1}
            </div>
          ))}
        </pre>
        <textarea
          className={classes.text}
          aria-label="Recipe"
          aria-invalid={recipeError !== undefined}
          aria-describedby="recipe-fault"
          rows={Math.max(LEAST_LINES, lines.length)}
          spellCheck={false}
          value={text}
          readOnly={isBlocked}
          onChange={(event) => lab.setText(event.currentTarget.value)}
        />
      </div>
      <div id="recipe-fault">
        {recipeError && (
          <Warning title={at ? `Line ${at} has a fault` : "This recipe cannot be used"}>
            {recipeError.message}
          </Warning>
        )}
        {preflight && preflight.faults.length > 0 && (
          <Warning title="These models cannot be merged so">{preflight.faults[0]}</Warning>
        )}
      </div>
    </Card>
  );
}

/** The line that a message ends with, as `recipe:3:5`. */
function faultLine(message: string, line: unknown): number | undefined {
  if (typeof line === "number") return line;
  const found = /recipe:(\d+):\d+$/.exec(message)?.[1];
  return found === undefined ? undefined : Number(found);
}
