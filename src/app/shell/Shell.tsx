// The frame around all pages: header, page by address, messages, palette, keyboard. It has no features of its own.
import { VisuallyHidden } from "@mantine/core";
import { lazy, type ReactNode, Suspense, useEffect, useRef, useState } from "react";
import { useStore } from "zustand";
import { Loading } from "../../ui/states";
import { toastStore } from "../../ui/toasts";
import { Gallery } from "../gallery/Gallery";
import { findWorkflow } from "../registry";
import { HASH, navigate, parseRoute, type Route, useHash } from "../router";
import { ErrorBoundary } from "./ErrorBoundary";
import { Header } from "./Header";
import { NotFound } from "./NotFound";
import classes from "./Shell.module.css";
import { useShortcuts } from "./shortcuts";
import { WaitMark } from "./WaitMark";

const WorkflowPage = lazy(() => import("../workflow-page/WorkflowPage"));
const RunsPage = lazy(() => import("../runs-page/RunsPage"));
const GpuPage = lazy(() => import("../../check/page/GpuPage"));
const AboutPage = lazy(() => import("../about-page/AboutPage"));
const ToastHost = lazy(() => import("../../ui/ToastHost"));
const NotificationCentre = lazy(() => import("../../ui/NotificationCentre"));
const CommandPalette = lazy(() => import("./CommandPalette"));
const KeyboardHelp = lazy(() => import("./KeyboardHelp"));

type Overlay = "palette" | "keys" | "messages" | undefined;

export function Shell(): ReactNode {
  const hash = useHash();
  const route = parseRoute(hash);
  const [overlay, setOverlay] = useState<Overlay>();
  const [used, setUsed] = useState<ReadonlySet<Overlay>>(new Set());
  const hasToasts = useStore(toastStore, (state) => state.history.length > 0);
  const main = useRef<HTMLElement>(null);
  const shown = useRef<string>(undefined);
  const key = `${route.page}/${route.id ?? ""}`;
  const title = pageTitle(route);

  const open = (next: Overlay): void => {
    setUsed((before) => new Set(before).add(next));
    setOverlay(next);
  };
  const close = (): void => setOverlay(undefined);
  useShortcuts({
    palette: () => open("palette"),
    keys: () => open("keys"),
    go: (page) => navigate(HASH[page]),
  });

  useEffect(() => {
    document.title = title;
  }, [title]);
  useEffect(() => {
    if (shown.current === key) return;
    // After a change of page the reader starts at its top; the first load leaves focus to the browser.
    if (shown.current !== undefined) {
      main.current?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    shown.current = key;
  }, [key]);

  return (
    <>
      <button type="button" className={classes.skip} onClick={() => main.current?.focus()}>
        Skip to the page
      </button>
      <Header
        page={route.page}
        openPalette={() => open("palette")}
        openKeys={() => open("keys")}
        openMessages={() => open("messages")}
      />
      <main ref={main} id="main" tabIndex={-1} className={classes.main}>
        <ErrorBoundary key={key} title="This page failed" context={{ page: key }}>
          <Suspense fallback={<PageWait />}>
            <PageFor route={route} />
          </Suspense>
        </ErrorBoundary>
      </main>
      <Suspense fallback={<WaitMark />}>
        {hasToasts && <ToastHost />}
        {used.has("messages") && <NotificationCentre opened={overlay === "messages"} onClose={close} />}
        {used.has("keys") && <KeyboardHelp opened={overlay === "keys"} onClose={close} />}
        {used.has("palette") && (
          <CommandPalette opened={overlay === "palette"} onClose={close} openKeys={() => open("keys")} />
        )}
      </Suspense>
    </>
  );
}

function PageFor({ route }: { route: Route }): ReactNode {
  switch (route.page) {
    case "gallery":
      return <Gallery />;
    case "workflow": {
      const workflow = findWorkflow(route.id);
      return workflow ? (
        <WorkflowPage workflow={workflow} query={route.query} />
      ) : (
        <NotFound what={`a workflow "${route.id}"`} />
      );
    }
    case "runs":
      return <RunsPage />;
    case "gpu":
      return (
        <>
          <VisuallyHidden component="h1">Check my GPU</VisuallyHidden>
          <GpuPage />
        </>
      );
    case "about":
      return <AboutPage />;
    case "unknown":
      return <NotFound what="a page at this address" />;
  }
}

function PageWait(): ReactNode {
  return (
    <>
      <WaitMark />
      <Loading label="Loading the page" height={240} />
    </>
  );
}

function pageTitle(route: Route): string {
  const names = {
    gallery: "",
    runs: "Runs",
    gpu: "Check my GPU",
    about: "About",
    unknown: "Not found",
    workflow: "",
  };
  const name = route.page === "workflow" ? (findWorkflow(route.id)?.title ?? "Not found") : names[route.page];
  return name ? `${name} · Tessera` : "Tessera";
}
