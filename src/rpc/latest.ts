// Sends only the latest of many values: at most one per frame, and none before the last one was taken. Drops the rest.

const FRAME_MS = 16;

export interface Latest<V> {
  push(value: V): void;
  /** Sends what is left at once and resolves when it was taken. */
  flush(): Promise<void>;
}

/** The first value goes out at once; `send` resolves when the other side has taken it. */
export function latest<V>(send: (value: V) => Promise<void>, frameMs = FRAME_MS): Latest<V> {
  let left: { value: V } | undefined;
  let isBusy = false;
  const pump = async (): Promise<void> => {
    if (isBusy) return;
    isBusy = true;
    while (left) {
      const { value } = left;
      left = undefined;
      await Promise.all([send(value), new Promise((resolve) => setTimeout(resolve, frameMs))]);
    }
    isBusy = false;
  };
  return {
    push(value) {
      left = { value };
      void pump();
    },
    async flush() {
      const last = left;
      left = undefined;
      if (last) await send(last.value);
    },
  };
}
