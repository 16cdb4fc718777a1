// Progress as lines of text, a few a second at most. It writes where it is told and never to stdout.
import type { Progress } from "../base/task";
import type { Io } from "./main";

const TERMINAL_MS = 100;
const PLAIN_MS = 1000;

export interface ProgressLines {
  report(progress: Progress): void;
  /** A line that is always shown. */
  note(text: string): void;
  end(): void;
}

export function progressLines(
  io: Pick<Io, "stderr" | "isTerminal">,
  now = () => performance.now(),
): ProgressLines {
  let lastAt = Number.NEGATIVE_INFINITY;
  let left: string | undefined;
  const write = (line: string): void => {
    lastAt = now();
    left = undefined;
    io.stderr(io.isTerminal ? `\r\u001b[K${line}\u001b[A` : line);
  };
  return {
    report({ done, total, what }) {
      const share = total > 0 ? Math.min(100, Math.floor((100 * done) / total)) : 0;
      left = `${String(share).padStart(3)} %  ${what}`;
      if (now() - lastAt >= (io.isTerminal ? TERMINAL_MS : PLAIN_MS)) write(left);
    },
    note: (text) => io.stderr(text),
    end() {
      if (left !== undefined) write(left);
      if (io.isTerminal && lastAt > 0) io.stderr("");
    },
  };
}
