// The views of the page as tabs. It holds no state.
import { Stack, Tabs } from "@mantine/core";
import type { ReactNode } from "react";
import classes from "../Panel.module.css";
import type { MergeLab, MergeState, ViewId } from "../store";
import { LookView } from "./LookView";
import { PaperView } from "./PaperView";
import { PreflightView } from "./PreflightView";
import { RecipeView } from "./RecipeView";
import { ResultView } from "./ResultView";

export interface ViewProps {
  lab: MergeLab;
  state: MergeState;
}

const TABS: readonly (readonly [ViewId, string, (props: ViewProps) => ReactNode])[] = [
  ["recipe", "Recipe", RecipeView],
  ["preflight", "Preflight", PreflightView],
  ["result", "Result", ResultView],
  ["look", "Look inside", LookView],
  ["paper", "The paper", PaperView],
];

export function Views(props: ViewProps) {
  return (
    <Tabs value={props.state.view} onChange={(next) => next && props.lab.setView(next as ViewId)}>
      <Tabs.List aria-label="Views of the merge" className={classes.tabs}>
        {TABS.map(([id, label]) => (
          <Tabs.Tab key={id} value={id}>
            {label}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {TABS.map(([id, , View]) => (
        <Tabs.Panel key={id} value={id} pt="md">
          <Stack gap="md">
            <View {...props} />
          </Stack>
        </Tabs.Panel>
      ))}
    </Tabs>
  );
}
