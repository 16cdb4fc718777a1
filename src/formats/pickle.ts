// Reads the pickle inside a PyTorch file as plain data. Nothing is ever executed: a class or function is a name, the few
// names that tensors are made of have a meaning here, every other one is refused, and so is every other opcode.
// Format: Python's pickletools, protocols 2 to 5.
import { TesseraError } from "../base/errors";

/** A class or a function, by name only. */
export class PickleName {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}
  get full(): string {
    return `${this.module}.${this.name}`;
  }
}

/** What stands for something that lies outside the pickle, such as a storage of numbers. */
export class PickleReference {
  constructor(readonly id: PickleValue) {}
}

/** A call that the pickle asks for and that is only written down: an allowed name and its arguments. */
export class PickleCall {
  constructor(
    readonly of: PickleName,
    readonly args: readonly PickleValue[],
  ) {}
}

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | PickleName
  | PickleReference
  | PickleCall;

const MARK = Symbol("mark");
type Item = PickleValue | typeof MARK;

const EMPTY_DICT = new Set(["collections.OrderedDict", "builtins.dict"]);

/**
 * The value of a pickle. `allowed` says of a name (module.name) whether it may occur.
 * @throws TesseraError `pickle` naming the class, function or opcode that is refused; `file-corrupt` when it is broken.
 */
export function readPickle(bytes: Uint8Array, allowed: (name: string) => boolean, file: string): PickleValue {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  const stack: Item[] = [];
  const memo = new Map<number, PickleValue>();
  let at = 0;

  const corrupt = (why: string): TesseraError =>
    new TesseraError("file-corrupt", `Not a valid pickle: ${why} at byte ${at}: ${file}`, { at });
  const take = (count: number): number => {
    if (!(count >= 0) || at + count > bytes.length) throw corrupt("it ends too early");
    at += count;
    return at - count;
  };
  const u8 = (): number => data.getUint8(take(1));
  const u32 = (): number => data.getUint32(take(4), true);
  const u64 = (): number => {
    const from = take(8);
    return data.getUint32(from, true) + data.getUint32(from + 4, true) * 2 ** 32;
  };
  const raw = (count: number): Uint8Array => {
    const from = take(count);
    return bytes.subarray(from, from + count);
  };
  const text = (count: number): string => {
    try {
      return utf8.decode(raw(count));
    } catch (error) {
      throw error instanceof TesseraError ? error : corrupt("a text is not UTF-8");
    }
  };
  const line = (): string => {
    const end = bytes.indexOf(0x0a, at);
    if (end < 0) throw corrupt("a line has no end");
    const words = text(end - at);
    at++;
    return words;
  };
  const pop = (): PickleValue => {
    const item = stack.pop();
    if (item === undefined || item === MARK) throw corrupt("a value is missing");
    return item;
  };
  const top = (): PickleValue => {
    const item = stack.at(-1);
    if (item === undefined || item === MARK) throw corrupt("a value is missing");
    return item;
  };
  const sinceMark = (): PickleValue[] => {
    const from = stack.lastIndexOf(MARK);
    if (from < 0) throw corrupt("a mark is missing");
    return stack.splice(from).slice(1) as PickleValue[];
  };
  const recall = (place: number): PickleValue => {
    if (!memo.has(place)) throw corrupt(`entry ${place} of the memo is missing`);
    return memo.get(place)!;
  };
  const name = (module: string, words: string): PickleName => {
    const found = new PickleName(module, words);
    if (!allowed(found.full) && !EMPTY_DICT.has(found.full))
      throw new TesseraError(
        "pickle",
        `This file asks for ${found.full}, which is no part of a tensor. It was not executed, and the file is not opened; save the tensors alone, as safetensors or with torch.save(model.state_dict()): ${file}`,
        { name: found.full },
      );
    return found;
  };
  const call = (of: PickleValue, args: PickleValue): PickleValue => {
    if (!(of instanceof PickleName) || !Array.isArray(args)) throw corrupt("a call of what is no name");
    if (!EMPTY_DICT.has(of.full)) return new PickleCall(of, args);
    const pairs = args.length ? args[0] : [];
    const isPair = (pair: PickleValue): pair is PickleValue[] => Array.isArray(pair) && pair.length === 2;
    if (!Array.isArray(pairs) || !pairs.every(isPair)) throw corrupt("a dictionary of what are no pairs");
    return new Map(pairs.map(([key, value]) => [key, value]));
  };
  const setItems = (items: readonly PickleValue[]): void => {
    const target = top();
    if (!(target instanceof Map) || items.length % 2) throw corrupt("entries for what is no dictionary");
    for (let i = 0; i < items.length; i += 2) target.set(items[i], items[i + 1]);
  };
  const append = (items: readonly PickleValue[]): void => {
    const target = top();
    if (!Array.isArray(target)) throw corrupt("items for what is no list");
    for (const item of items) target.push(item);
  };
  /** Little-endian two's complement. */
  const long = (count: number): number | bigint => {
    const digits = raw(count);
    let value = 0n;
    for (let i = count - 1; i >= 0; i--) value = (value << 8n) | BigInt(digits[i]);
    if (count && digits[count - 1] & 0x80) value -= 1n << BigInt(8 * count);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  };

  const opcodes: Readonly<Record<number, () => void>> = {
    128: () => {
      const protocol = u8();
      if (protocol < 2 || protocol > 5) throw corrupt(`protocol ${protocol} is not known`);
    },
    149: () => void take(8), // FRAME: the length of what follows
    40: () => void stack.push(MARK),
    48: () => void stack.pop(), // POP
    49: () => void sinceMark(), // POP_MARK
    78: () => void stack.push(null),
    136: () => void stack.push(true),
    137: () => void stack.push(false),
    74: () => void stack.push(data.getInt32(take(4), true)), // BININT
    75: () => void stack.push(u8()), // BININT1
    77: () => void stack.push(data.getUint16(take(2), true)), // BININT2
    138: () => void stack.push(long(u8())), // LONG1
    71: () => void stack.push(data.getFloat64(take(8), false)), // BINFLOAT, big-endian
    88: () => void stack.push(text(u32())), // BINUNICODE
    140: () => void stack.push(text(u8())), // SHORT_BINUNICODE
    141: () => void stack.push(text(u64())), // BINUNICODE8
    66: () => void stack.push(raw(u32())), // BINBYTES
    67: () => void stack.push(raw(u8())), // SHORT_BINBYTES
    41: () => void stack.push([]), // EMPTY_TUPLE
    133: () => void stack.push([pop()]),
    134: () => {
      const [b, a] = [pop(), pop()];
      stack.push([a, b]);
    },
    135: () => {
      const [c, b, a] = [pop(), pop(), pop()];
      stack.push([a, b, c]);
    },
    116: () => void stack.push(sinceMark()), // TUPLE
    93: () => void stack.push([]), // EMPTY_LIST
    97: () => append([pop()]), // APPEND
    101: () => append(sinceMark()), // APPENDS
    125: () => void stack.push(new Map()), // EMPTY_DICT
    115: () => {
      const [value, key] = [pop(), pop()];
      setItems([key, value]); // SETITEM
    },
    117: () => setItems(sinceMark()), // SETITEMS
    113: () => void memo.set(u8(), top()), // BINPUT
    114: () => void memo.set(u32(), top()), // LONG_BINPUT
    148: () => void memo.set(memo.size, top()), // MEMOIZE
    104: () => void stack.push(recall(u8())), // BINGET
    106: () => void stack.push(recall(u32())), // LONG_BINGET
    99: () => void stack.push(name(line(), line())), // GLOBAL
    147: () => {
      const [words, module] = [pop(), pop()];
      if (typeof words !== "string" || typeof module !== "string") throw corrupt("a name that is no text");
      stack.push(name(module, words)); // STACK_GLOBAL
    },
    82: () => {
      const [args, of] = [pop(), pop()];
      stack.push(call(of, args)); // REDUCE
    },
    81: () => void stack.push(new PickleReference(pop())), // BINPERSID
    // BUILD gives an object its attributes. A state_dict carries its modules' versions that way; no tensor needs them.
    98: () => void pop(),
  };

  while (true) {
    const opcode = u8();
    if (opcode === 0x2e) break; // STOP
    const run = opcodes[opcode];
    if (!run)
      throw new TesseraError(
        "pickle",
        `This file uses the pickle opcode 0x${opcode.toString(16).padStart(2, "0")} at byte ${at - 1}, which files of tensors do without; it is not opened: ${file}`,
        { opcode, at: at - 1 },
      );
    run();
  }
  const value = pop();
  if (stack.length) throw corrupt(`${stack.length} values are left over`);
  return value;
}
