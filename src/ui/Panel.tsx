// A titled card: the frame of every view. It holds no state.
import { type ReactNode, useId } from "react";
import { Help } from "./Help";
import classes from "./Panel.module.css";

/** A section with its heading, optional help, a quiet note (such as "synthetic data") and actions on the right. */
export function Panel(props: {
  title: string;
  help?: string;
  note?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  level?: 2 | 3;
  /** For tables: their cells bring the padding. */
  flush?: boolean;
}): ReactNode {
  const id = useId();
  const Heading = props.level === 3 ? "h3" : "h2";
  return (
    <section className={classes.panel} aria-labelledby={id}>
      <header className={classes.head}>
        <div className={classes.titles}>
          <div className={classes.line}>
            <Heading id={id} className={classes.title}>
              {props.title}
            </Heading>
            {props.help && <Help about={props.title}>{props.help}</Help>}
          </div>
          {props.note && <div className={classes.note}>{props.note}</div>}
        </div>
        {props.actions && <div className={classes.actions}>{props.actions}</div>}
      </header>
      <div className={classes.body} data-flush={props.flush || undefined}>
        {props.children}
      </div>
    </section>
  );
}
