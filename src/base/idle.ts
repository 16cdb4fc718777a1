// Counts work under way, so that tests and pages can wait for "nothing is happening" instead of for a time.

let count = 0;
const waiting = new Set<() => void>();

/** Says that something has begun; call the result once when it ends (further calls do nothing). */
export function busy(): () => void {
  count++;
  let isOpen = true;
  return () => {
    if (!isOpen) return;
    isOpen = false;
    count--;
    if (count > 0) return;
    const callbacks = [...waiting];
    waiting.clear();
    for (const callback of callbacks) callback();
  };
}

/** Number of pieces of work that have begun and not ended. */
export function pendingWork(): number {
  return count;
}

/** Resolves at once when nothing is pending, else when the count next reaches zero. */
export function workDone(): Promise<void> {
  return count === 0 ? Promise.resolve() : new Promise((resolve) => waiting.add(resolve));
}
