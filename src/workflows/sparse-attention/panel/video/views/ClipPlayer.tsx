// Two clips and their difference on canvases, frame by frame in step. Frames go through a draw loop; React draws the frame
// around them once.
import { ActionIcon, SegmentedControl } from "@mantine/core";
import { useReducedMotion } from "@mantine/hooks";
import { IconPlayerPause, IconPlayerPlay } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { type ClipSize, type DifferenceMode, differenceImage, frameImage } from "../clip-draw";
import classes from "./Video.module.css";

export interface ClipPair {
  dense?: Float32Array;
  sparse?: Float32Array;
  size: ClipSize;
  /** What stands under each clip. */
  notes: { dense: string; sparse: string };
}

const FRAMES_PER_SECOND = 8;
const GAINS = ["1", "4", "16"] as const;

export function ClipPlayer({ clips }: { clips: ClipPair }) {
  const { dense, sparse, size, notes } = clips;
  const isStill = useReducedMotion();
  const [isPlaying, setPlaying] = useState(!isStill);
  const [mode, setMode] = useState<DifferenceMode>("signed");
  const [gain, setGain] = useState<(typeof GAINS)[number]>("4");
  const frame = useRef(0);
  const slider = useRef<HTMLInputElement>(null);
  const counter = useRef<HTMLOutputElement>(null);
  const canvases = {
    dense: useRef<HTMLCanvasElement>(null),
    sparse: useRef<HTMLCanvasElement>(null),
    difference: useRef<HTMLCanvasElement>(null),
  };
  const draw = (): void => {
    const at = Math.min(frame.current, size.frames - 1);
    const put = (canvas: HTMLCanvasElement | null, image: ImageData | undefined): void => {
      if (image) canvas?.getContext("2d")?.putImageData(image, 0, 0);
    };
    put(canvases.dense.current, dense && frameImage(dense, at, size));
    put(canvases.sparse.current, sparse && frameImage(sparse, at, size));
    const both = dense && sparse && { dense, sparse };
    put(canvases.difference.current, both && differenceImage(both, at, size, mode, Number(gain)));
    if (slider.current) slider.current.value = String(at);
    if (counter.current) counter.current.value = `Frame ${at + 1} of ${size.frames}`;
  };
  useEffect(draw);
  const redraw = useRef(draw);
  redraw.current = draw;
  useEffect(() => {
    if (!isPlaying) return;
    const timer = setInterval(() => {
      frame.current = (frame.current + 1) % size.frames;
      redraw.current();
    }, 1000 / FRAMES_PER_SECOND);
    return () => clearInterval(timer);
  }, [isPlaying, size.frames]);

  const difference =
    mode === "signed"
      ? `Sparse − dense, times ${gain}: mid-grey is equal, brighter is more in the sparse clip`
      : `|Sparse − dense|, times ${gain}: black is equal`;
  return (
    <div>
      <div className={classes.clips}>
        <Picture name="Dense" note={notes.dense} size={size} canvas={canvases.dense} has={!!dense} />
        <Picture name="Sparse" note={notes.sparse} size={size} canvas={canvases.sparse} has={!!sparse} />
        <Picture
          name="Difference"
          note={difference}
          size={size}
          canvas={canvases.difference}
          has={!!dense && !!sparse}
        />
      </div>
      <div className={classes.playback}>
        <ActionIcon
          size={32}
          variant="default"
          aria-label={isPlaying ? "Pause the clips" : "Play the clips"}
          onClick={() => setPlaying(!isPlaying)}
        >
          {isPlaying ? <IconPlayerPause size={16} aria-hidden /> : <IconPlayerPlay size={16} aria-hidden />}
        </ActionIcon>
        <input
          ref={slider}
          className={classes.scrub}
          type="range"
          min={0}
          max={size.frames - 1}
          defaultValue={0}
          aria-label="Frame"
          onInput={(event) => {
            setPlaying(false);
            frame.current = Number(event.currentTarget.value);
            redraw.current();
          }}
        />
        <output ref={counter} className={classes.counter} data-figures />
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
      </div>
    </div>
  );
}

function Picture(props: {
  name: string;
  note: string;
  size: ClipSize;
  has: boolean;
  canvas: React.RefObject<HTMLCanvasElement | null>;
}) {
  const { name, note, size, has } = props;
  return (
    <figure className={classes.clip}>
      <figcaption className={classes.caption}>{name}</figcaption>
      <canvas
        ref={props.canvas}
        className={classes.picture}
        width={size.width}
        height={size.height}
        role="img"
        aria-label={`${name} clip`}
        data-empty={!has || undefined}
      />
      <div className={classes.clipNote}>{note}</div>
    </figure>
  );
}
