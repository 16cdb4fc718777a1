// Two clips and their difference, frame by frame in step.
import { SegmentedControl } from "@mantine/core";
import { useRef, useState } from "react";
import { type ClipSize, type DifferenceMode, differenceImage, frameImage } from "../clip-draw";
import { Picture, Playback, put, useFrames } from "./frames";
import classes from "./Video.module.css";

export interface ClipPair {
  dense?: Float32Array;
  sparse?: Float32Array;
  size: ClipSize;
  /** What stands under each clip. */
  notes: { dense: string; sparse: string };
}

const GAINS = ["1", "4", "16"] as const;

export function ClipPlayer({ clips }: { clips: ClipPair }) {
  const { dense, sparse, size, notes } = clips;
  const [mode, setMode] = useState<DifferenceMode>("signed");
  const [gain, setGain] = useState<(typeof GAINS)[number]>("4");
  const canvases = useRef<Record<string, HTMLCanvasElement | null>>({});
  const canvas = (name: string) => (element: HTMLCanvasElement | null) => {
    canvases.current[name] = element;
  };
  const both = dense && sparse && { dense, sparse };
  const frames = useFrames(size.frames, (at) => {
    put(canvases.current.dense, dense && frameImage(dense, at, size));
    put(canvases.current.sparse, sparse && frameImage(sparse, at, size));
    put(canvases.current.difference, both && differenceImage(both, at, size, mode, Number(gain)));
  });
  const difference =
    mode === "signed"
      ? `Sparse − dense, times ${gain}: mid-grey is equal, brighter is more in the sparse clip`
      : `|Sparse − dense|, times ${gain}: black is equal`;
  return (
    <div>
      <div className={classes.clips}>
        <Picture name="Dense" note={notes.dense} size={size} canvas={canvas("dense")} has={!!dense} />
        <Picture name="Sparse" note={notes.sparse} size={size} canvas={canvas("sparse")} has={!!sparse} />
        <Picture name="Difference" note={difference} size={size} canvas={canvas("difference")} has={!!both} />
      </div>
      <Playback of={frames} frames={size.frames}>
        <SegmentedControl
          size="xs"
          aria-label="Difference"
          data={[
            { value: "signed", label: "Signed" },
            { value: "absolute", label: "Absolute" },
          ]}
          value={mode}
          onChange={(next) => setMode(next as DifferenceMode)}
        />
        <SegmentedControl
          size="xs"
          aria-label="Gain of the difference"
          data={GAINS.map((value) => ({ value, label: `× ${value}` }))}
          value={gain}
          onChange={(next) => setGain(next as (typeof GAINS)[number])}
        />
      </Playback>
    </div>
  );
}
