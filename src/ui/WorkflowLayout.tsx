// The three regions of a workflow page: parameters, views, run bar. Side by side on a desk, stacked on a phone.
import type { ReactNode } from "react";
import classes from "./WorkflowLayout.module.css";

/** The run bar stays in sight at the lower edge; parameters scroll on their own when they are long. */
export function WorkflowLayout(props: { params: ReactNode; views: ReactNode; runBar: ReactNode }): ReactNode {
  return (
    <div className={classes.layout}>
      <div className={classes.params}>{props.params}</div>
      <div className={classes.views}>{props.views}</div>
      <div className={classes.run}>{props.runBar}</div>
    </div>
  );
}
