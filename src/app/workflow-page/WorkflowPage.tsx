// The page of one workflow: its title and paper, its panel, and its parameters kept in the address. The panel does the rest.
import { Anchor } from "@mantine/core";
import {
  type ComponentType,
  lazy,
  type ReactNode,
  Suspense,
  useCallback,
  useEffect,
  useRef,
  useState,
} from "react";
import { busy } from "../../base/idle";
import { type ParamValues, toQuery } from "../../base/params";
import { Help } from "../../ui/Help";
import { Loading } from "../../ui/states";
import { toast } from "../../ui/toasts";
import type { PanelProps } from "../../workflows/define";
import type { PagedWorkflow } from "../registry";
import { replaceHash, workflowHash } from "../router";
import { ErrorBoundary } from "../shell/ErrorBoundary";
import { WaitMark } from "../shell/WaitMark";
import { keepOthers, readQuery } from "./query";
import classes from "./WorkflowPage.module.css";

/** How long changes gather before the address is rewritten: browsers refuse rapid rewriting. */
const REWRITE_MS = 250;

const panels = new Map<string, ComponentType<PanelProps>>();

/** The lazily loaded panel; made once per workflow, because React tells components apart by identity. */
function panelOf(workflow: PagedWorkflow): ComponentType<PanelProps> {
  // A panel that could not be loaded is forgotten, so that "Try again" does load it again.
  const load = (): ReturnType<PagedWorkflow["panel"]> =>
    workflow.panel().catch((error: unknown) => {
      panels.delete(workflow.id);
      throw error;
    });
  const panel = panels.get(workflow.id) ?? lazy(load);
  panels.set(workflow.id, panel);
  return panel;
}

export default function WorkflowPage(props: { workflow: PagedWorkflow; query: URLSearchParams }): ReactNode {
  const { workflow, query } = props;
  const Panel = panelOf(workflow);
  const [params, setParams] = useParamsInAddress(workflow, query);
  return (
    <div className={classes.page}>
      <header className={classes.head}>
        <div className={classes.titleLine}>
          <h1>{workflow.title}</h1>
          <Help about="The paper's claim">{workflow.paper.claim}</Help>
        </div>
        <p>
          {workflow.summary}{" "}
          {workflow.paper.link && (
            <Anchor href={workflow.paper.link} target="_blank" rel="noreferrer" inherit underline="always">
              {workflow.paper.title}
            </Anchor>
          )}
        </p>
      </header>
      <ErrorBoundary
        title="This workflow failed"
        context={{ workflow: workflow.id, params: JSON.stringify(params) }}
      >
        <Suspense
          fallback={
            <>
              <WaitMark />
              <Loading label="Loading the workflow" height={320} />
            </>
          }
        >
          <Panel params={params} setParams={setParams} />
        </Suspense>
      </ErrorBoundary>
    </div>
  );
}

/** Values from the address, and a setter that writes them back after a short rest. */
function useParamsInAddress(
  workflow: PagedWorkflow,
  query: URLSearchParams,
): [ParamValues, (change: Partial<ParamValues>) => void] {
  const [params, setState] = useState<ParamValues>(() => readQuery(workflow.params, query).values);
  const latest = useRef(params);
  const text = query.toString();
  const pending = useRef<() => void>(undefined);

  useEffect(() => {
    const { values, problems } = readQuery(workflow.params, new URLSearchParams(text));
    for (const problem of problems) {
      toast.warn(`${problem}. This part of the link is left out.`, {
        title: "The link has a value that does not fit",
        key: problem,
      });
    }
    if (toQuery(workflow.params, values).toString() !== toQuery(workflow.params, latest.current).toString()) {
      latest.current = values;
      setState(values);
    }
  }, [workflow, text]);
  useEffect(() => () => pending.current?.(), []);

  const setParams = useCallback(
    (change: Partial<ParamValues>) => {
      latest.current = { ...latest.current, ...change } as ParamValues;
      setState(latest.current);
      pending.current?.();
      const end = busy();
      const timer = setTimeout(() => {
        pending.current?.();
        replaceHash(workflowHash(workflow.id, keepOthers(workflow.params, latest.current, location.hash)));
      }, REWRITE_MS);
      pending.current = () => {
        clearTimeout(timer);
        end();
        pending.current = undefined;
      };
    },
    [workflow],
  );
  return [params, setParams];
}
