// Counts the bytes that typed arrays and array buffers take from the heap. For tests only, and to be loaded before the
// code it is to watch: modules that hold on to the plain constructors are not seen.

const KINDS = [
  "ArrayBuffer",
  "Uint8Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
] as const;

let bytes = 0;

for (const kind of KINDS) {
  const plain = globalThis[kind] as unknown as new (...args: unknown[]) => { byteLength: number };
  const counted = new Proxy(plain, {
    construct(target, args, newTarget) {
      const made = Reflect.construct(target, args, newTarget) as { byteLength: number };
      // Over a buffer that is there already nothing is allocated.
      if (!(args[0] instanceof ArrayBuffer)) bytes += made.byteLength;
      return made;
    },
  });
  Object.defineProperty(globalThis, kind, { value: counted, configurable: true, writable: true });
}

/** Bytes allocated since the last call. */
export function allocatedBytes(): number {
  const since = bytes;
  bytes = 0;
  return since;
}
