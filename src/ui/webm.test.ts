// The WebM writer, read back by a reader of its own that knows only how EBML elements are laid out.
import { expect, test } from "vitest";
import { toI420 } from "./film";
import { encodeWebm, type WebmFrame } from "./webm";

interface Element {
  id: string;
  body: Uint8Array;
}

/** Elements side by side: an id whose first bit set tells its length, a size likewise but without that bit, the content. */
function elements(bytes: Uint8Array): Element[] {
  const found: Element[] = [];
  let at = 0;
  while (at < bytes.length) {
    const idLength = Math.clz32(bytes[at]) - 23;
    const id = Buffer.from(bytes.subarray(at, at + idLength)).toString("hex");
    at += idLength;
    const sizeLength = Math.clz32(bytes[at]) - 23;
    let size = bytes[at] & (0xff >> sizeLength);
    for (let i = 1; i < sizeLength; i++) size = size * 256 + bytes[at + i];
    at += sizeLength;
    expect(at + size).toBeLessThanOrEqual(bytes.length);
    found.push({ id, body: bytes.subarray(at, at + size) });
    at += size;
  }
  return found;
}

/** The elements at the end of a path of ids. */
function inside(list: readonly Element[], id: string, ...rest: readonly string[]): Element[] {
  const found = list.filter((element) => element.id === id);
  const [next, ...more] = rest;
  return next
    ? inside(
        found.flatMap(({ body }) => elements(body)),
        next,
        ...more,
      )
    : found;
}
const number = (list: readonly Element[]): number => Number(`0x${Buffer.from(list[0].body).toString("hex")}`);
const words = (list: readonly Element[]): string => Buffer.from(list[0].body).toString();

test("colours become the planes that BT.709 has for them in video range", () => {
  // White, black, red and blue as tables of the standard have them: Y, Cb, Cr.
  const of = (r: number, g: number, b: number) => {
    const rgba = new Uint8ClampedArray([r, g, b, 255, r, g, b, 255, r, g, b, 255, r, g, b, 255]);
    const planes = [...toI420(rgba, 2, 2)];
    expect(new Set(planes.slice(0, 4)).size).toBe(1);
    return planes.slice(3);
  };
  expect(of(255, 255, 255)).toEqual([235, 128, 128]);
  expect(of(0, 0, 0)).toEqual([16, 128, 128]);
  expect(of(255, 0, 0)).toEqual([63, 102, 240]);
  expect(of(0, 0, 255)).toEqual([32, 240, 118]);
  // The mean of four colours; brightness stays each pixel's own.
  const mixed = [255, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255];
  expect([...toI420(new Uint8ClampedArray(mixed), 2, 2)]).toEqual([63, 16, 16, 16, 122, 156]);
});

test("one track with its sizes, its length, and every frame at its time", () => {
  const frames = [0, 125, 250, 30_125, 59_999, 60_125].map(
    (ms, i): WebmFrame => ({ data: Uint8Array.of(i, 0xff, i), ms, isKey: i % 3 === 0 }),
  );
  const file = elements(encodeWebm({ codec: "V_VP8", width: 800, height: 288, durationMs: 60_250, frames }));
  expect(file.map((e) => e.id)).toEqual(["1a45dfa3", "18538067"]);
  expect(words(inside(file, "1a45dfa3", "4282"))).toBe("webm");
  const segment = "18538067";
  const [length] = inside(file, segment, "1549a966", "4489");
  expect(Buffer.from(length.body).readDoubleBE()).toBe(60_250);
  expect(number(inside(file, segment, "1549a966", "2ad7b1"))).toBe(1_000_000);
  const track = [segment, "1654ae6b", "ae"] as const;
  expect(words(inside(file, ...track, "86"))).toBe("V_VP8");
  expect([number(inside(file, ...track, "e0", "b0")), number(inside(file, ...track, "e0", "ba"))]).toEqual([
    800, 288,
  ]);
  const read = inside(file, segment, "1f43b675").map(({ body }) => {
    const parts = elements(body);
    const start = number(parts.filter((e) => e.id === "e7"));
    return parts
      .filter((e) => e.id === "a3")
      .map(({ body: block }) => {
        const view = Buffer.from(block);
        expect(view[0]).toBe(0x81);
        return {
          ms: start + view.readInt16BE(1),
          isKey: view[3] === 0x80,
          data: new Uint8Array(block.slice(4)),
        };
      });
  });
  expect(read.map((cluster) => cluster.length)).toEqual([3, 2, 1]);
  expect(read.flat()).toEqual(frames);
});
