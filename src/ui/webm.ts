// Encoded frames of one video track as a WebM file (Matroska, RFC 9559): bytes only, no codec. Sizes are known, so players
// can seek by time.

export interface WebmFrame {
  data: Uint8Array;
  ms: number;
  isKey: boolean;
}

export interface WebmVideo {
  codec: "V_VP8" | "V_VP9";
  width: number;
  height: number;
  durationMs: number;
  /** By rising time, in BT.709 and video range. */
  frames: readonly WebmFrame[];
}

/** Element ids as their bytes stand in the file (RFC 9559, section 5.1, and RFC 8794 for EBML's own). */
const ID = {
  ebml: 0x1a45dfa3,
  ebmlVersion: 0x4286,
  ebmlReadVersion: 0x42f7,
  ebmlMaxIdLength: 0x42f2,
  ebmlMaxSizeLength: 0x42f3,
  docType: 0x4282,
  docTypeVersion: 0x4287,
  docTypeReadVersion: 0x4285,
  segment: 0x18538067,
  info: 0x1549a966,
  timestampScale: 0x2ad7b1,
  duration: 0x4489,
  muxingApp: 0x4d80,
  writingApp: 0x5741,
  tracks: 0x1654ae6b,
  trackEntry: 0xae,
  trackNumber: 0xd7,
  trackUid: 0x73c5,
  trackType: 0x83,
  flagLacing: 0x9c,
  codecId: 0x86,
  video: 0xe0,
  pixelWidth: 0xb0,
  pixelHeight: 0xba,
  colour: 0x55b0,
  matrixCoefficients: 0x55b1,
  range: 0x55b9,
  transferCharacteristics: 0x55ba,
  primaries: 0x55bb,
  cluster: 0x1f43b675,
  timestamp: 0xe7,
  simpleBlock: 0xa3,
} as const;

/** Times of blocks are 16-bit numbers from their cluster's, which are milliseconds here. */
const CLUSTER_MS = 30_000;
const APP = "Tessera";
/** What the colours of the frames are (ITU-T H.273; 1 is BT.709 in all three). */
const BT709 = 1;
const VIDEO_RANGE = 1;

export function encodeWebm({ codec, width, height, durationMs, frames }: WebmVideo): Uint8Array<ArrayBuffer> {
  const head = element("ebml", [
    element("ebmlVersion", uint(1)),
    element("ebmlReadVersion", uint(1)),
    element("ebmlMaxIdLength", uint(4)),
    element("ebmlMaxSizeLength", uint(8)),
    element("docType", text("webm")),
    element("docTypeVersion", uint(4)),
    element("docTypeReadVersion", uint(2)),
  ]);
  const info = element("info", [
    element("timestampScale", uint(1_000_000)),
    element("duration", float(durationMs)),
    element("muxingApp", text(APP)),
    element("writingApp", text(APP)),
  ]);
  const track = element("trackEntry", [
    element("trackNumber", uint(1)),
    element("trackUid", uint(1)),
    element("trackType", uint(1)),
    element("flagLacing", uint(0)),
    element("codecId", text(codec)),
    element("video", [
      element("pixelWidth", uint(width)),
      element("pixelHeight", uint(height)),
      element("colour", [
        element("matrixCoefficients", uint(BT709)),
        element("range", uint(VIDEO_RANGE)),
        element("transferCharacteristics", uint(BT709)),
        element("primaries", uint(BT709)),
      ]),
    ]),
  ]);
  const segment = element("segment", [info, element("tracks", [track]), ...clusters(frames)]);
  return joined([head, segment]);
}

function clusters(frames: readonly WebmFrame[]): Uint8Array[] {
  const groups: WebmFrame[][] = [];
  for (const frame of frames) {
    const last = groups.at(-1);
    if (last && frame.ms - last[0].ms < CLUSTER_MS) last.push(frame);
    else groups.push([frame]);
  }
  return groups.map((group) => {
    const start = Math.round(group[0].ms);
    return element("cluster", [element("timestamp", uint(start)), ...group.map((f) => block(f, start))]);
  });
}

/** Track 1, time from the cluster's, flags (the highest bit: a key frame), then the codec's bytes. */
function block({ data, ms, isKey }: WebmFrame, start: number): Uint8Array {
  const at = Math.round(ms) - start;
  return element("simpleBlock", [Uint8Array.of(0x81, at >> 8, at & 0xff, isKey ? 0x80 : 0), data]);
}

function element(name: keyof typeof ID, content: Uint8Array | readonly Uint8Array[]): Uint8Array {
  const body = content instanceof Uint8Array ? content : joined(content);
  const size = new DataView(new ArrayBuffer(8));
  size.setBigUint64(0, BigInt(body.length));
  // Sizes take eight bytes, the first of which says so.
  size.setUint8(0, 0x01);
  return joined([uint(ID[name]), new Uint8Array(size.buffer), body]);
}

/** Big-endian without leading zeros. */
function uint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; rest > 0 || bytes.length === 0; rest = Math.floor(rest / 256))
    bytes.unshift(rest % 256);
  return Uint8Array.from(bytes);
}

function float(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return new Uint8Array(view.buffer);
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
