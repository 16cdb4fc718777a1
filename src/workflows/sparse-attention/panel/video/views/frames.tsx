// Clips on canvases, all at the same frame: the loop that draws, its controls, and the frame around one picture. Frames go
// past React, which draws what is around them once.
import { ActionIcon } from "@mantine/core";
import { useReducedMotion } from "@mantine/hooks";
import { IconPlayerPause, IconPlayerPlay } from "@tabler/icons-react";
import { type ReactNode, type RefObject, useEffect, useRef, useState } from "react";
import { type ClipSize, FRAMES_PER_SECOND } from "../clip-draw";
import classes from "./Video.module.css";

interface Frames {
  isPlaying: boolean;
  setPlaying(is: boolean): void;
  /** Shows this frame and stops. */
  seek(frame: number): void;
  slider: RefObject<HTMLInputElement | null>;
  counter: RefObject<HTMLOutputElement | null>;
}

/** Calls `draw` after each render and for each frame; it plays from the start unless the visitor wants less motion. */
export function useFrames(frames: number, draw: (frame: number) => void): Frames {
  const isStill = useReducedMotion();
  const [isPlaying, setPlaying] = useState(!isStill);
  const frame = useRef(0);
  const slider = useRef<HTMLInputElement>(null);
  const counter = useRef<HTMLOutputElement>(null);
  const redraw = (): void => {
    const at = Math.min(frame.current, frames - 1);
    draw(at);
    if (slider.current) slider.current.value = String(at);
    if (counter.current) counter.current.value = `Frame ${at + 1} of ${frames}`;
  };
  useEffect(redraw);
  const latest = useRef(redraw);
  latest.current = redraw;
  useEffect(() => {
    if (!isPlaying) return;
    const timer = setInterval(() => {
      frame.current = (frame.current + 1) % frames;
      latest.current();
    }, 1000 / FRAMES_PER_SECOND);
    return () => clearInterval(timer);
  }, [isPlaying, frames]);
  const seek = (to: number): void => {
    setPlaying(false);
    frame.current = to;
    latest.current();
  };
  return { isPlaying, setPlaying, seek, slider, counter };
}

/** Play, pause and a slider over the frames; `children` stand beside them. */
export function Playback(props: { of: Frames; frames: number; children?: ReactNode }): ReactNode {
  const { isPlaying, setPlaying, seek, slider, counter } = props.of;
  return (
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
        max={props.frames - 1}
        defaultValue={0}
        aria-label="Frame"
        onInput={(event) => seek(Number(event.currentTarget.value))}
      />
      <output ref={counter} className={classes.counter} data-figures />
      {props.children}
    </div>
  );
}

export function Picture(props: {
  name: string;
  note?: string;
  size: ClipSize;
  /** False while there is nothing to show. */
  has: boolean;
  canvas: (canvas: HTMLCanvasElement | null) => void;
}): ReactNode {
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
      {note && <div className={classes.clipNote}>{note}</div>}
    </figure>
  );
}

/** Puts an image on a canvas that may not be there. */
export function put(canvas: HTMLCanvasElement | null | undefined, image: ImageData | undefined): void {
  if (image) canvas?.getContext("2d")?.putImageData(image, 0, 0);
}
