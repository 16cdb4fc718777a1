// The first page: one card for each workflow there is. A card exists only for what works.
import type { ReactNode } from "react";
import { useDeviceStatus } from "../../ui/device-store";
import { EmptyState, Warning } from "../../ui/states";
import { workflows } from "../registry";
import { HASH, navigate, workflowHash } from "../router";
import { Mosaic } from "../shell/Logo";
import classes from "./Gallery.module.css";

/** Papers first; what has no paper behind it (the tutorial) comes after them. */
const cards = [...workflows].sort((a, b) => Number(!a.paper.link) - Number(!b.paper.link));

export function Gallery(): ReactNode {
  const device = useDeviceStatus();
  return (
    <div className={classes.page}>
      <header className={classes.intro}>
        <h1>Research papers as experiments on your own GPU</h1>
        <p>
          Open a workflow, give it your file or a generated example, and see what the paper's method does on
          your data. Everything is computed in this tab; nothing leaves your machine.
        </p>
      </header>
      {device.state === "missing" && <Warning title="No WebGPU here">{device.detail}</Warning>}
      {cards.length === 0 ? (
        <EmptyState
          title="No workflows in this build"
          why="This build of Tessera was made without any workflow folder, so there is nothing to run yet. The GPU can still be checked."
          action={{ label: "Check my GPU", run: () => navigate(HASH.gpu) }}
        />
      ) : (
        <ul className={classes.grid}>
          {cards.map((workflow) => (
            <li key={workflow.id} className={classes.card}>
              <div className={classes.mosaic}>
                <Mosaic seed={workflow.id} />
              </div>
              <div className={classes.body}>
                <h2>
                  <a href={workflowHash(workflow.id)} className={classes.open}>
                    {workflow.title}
                  </a>
                </h2>
                <p className={classes.summary}>{workflow.summary}</p>
                <p className={classes.paper}>
                  {workflow.paper.link ? (
                    <a href={workflow.paper.link} target="_blank" rel="noreferrer">
                      {workflow.paper.title}
                    </a>
                  ) : (
                    workflow.paper.title
                  )}
                  {workflow.paper.authors && <span>{workflow.paper.authors}</span>}
                </p>
              </div>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
