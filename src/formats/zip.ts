// Zip containers by slices: directory, stored and deflated entries, zip64; and a writer of stored entries.
// Format: PKWARE APPNOTE 6.3.10, sections 4.3 to 4.5. Encryption and other methods are refused by name.
import { Inflate } from "fflate";
import { crc32 } from "../base/crc32";
import { TesseraError } from "../base/errors";
import type { ByteSource } from "./source";

export interface ZipEntry {
  name: string;
  /** 0 stored, 8 deflate. */
  method: 0 | 8;
  crc: number;
  compressed: number;
  size: number;
  /** Position of the local header. */
  at: number;
}

const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const MAX_COMMENT = 65_535;
const MAX32 = 0xffffffff;
/** Deflate gains at most 1032 to 1: a larger claim is a lie, and one chunk never becomes more than 8.5 MB. */
const MOST_GAIN = 1032;
const INFLATE_CHUNK = 1 << 13;
/** Where only the beginning of an entry is wanted, so little is inflated at a time. */
const SMALL_CHUNK = 1 << 9;

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const u64 = (v: DataView, at: number): number => v.getUint32(at, true) + v.getUint32(at + 4, true) * 2 ** 32;

function corrupt(source: ByteSource, why: string, at?: number): TesseraError {
  return new TesseraError(
    "file-corrupt",
    `Not a valid zip file: ${why}: ${source.name}`,
    at === undefined ? {} : { at },
  );
}

/** Reads the directory at the end of the file; entries are not touched. @throws TesseraError `file-corrupt`. */
export async function readZipDirectory(source: ByteSource): Promise<ZipEntry[]> {
  const tailStart = Math.max(0, source.size - MAX_COMMENT - 22);
  const tail = await source.read(tailStart, source.size);
  const v = view(tail);
  let end = tail.length - 22;
  while (end >= 0 && v.getUint32(end, true) !== END) end--;
  if (end < 0) throw corrupt(source, "the directory at its end is missing; it is cut short");
  let count = v.getUint16(end + 10, true);
  let size = v.getUint32(end + 12, true);
  let start = v.getUint32(end + 16, true);
  if (end >= 20 && v.getUint32(end - 20, true) === LOCATOR64) {
    const at = u64(v, end - 20 + 8);
    if (at + 56 > source.size)
      throw corrupt(source, `the zip64 directory record lies at ${at}, past the end`, at);
    const record = view(await source.read(at, at + 56));
    if (record.getUint32(0, true) !== END64)
      throw corrupt(source, "the zip64 directory record has a wrong signature", at);
    count = u64(record, 32);
    size = u64(record, 40);
    start = u64(record, 48);
  }
  if (start + size > source.size)
    throw corrupt(source, `the directory claims bytes ${start} to ${start + size} of ${source.size}`, start);
  if (count > size / 46)
    throw corrupt(source, `the directory claims ${count} entries in ${size} bytes`, start);
  return parseDirectory(source, await source.read(start, start + size), count);
}

function parseDirectory(source: ByteSource, bytes: Uint8Array, count: number): ZipEntry[] {
  const v = view(bytes);
  const entries: ZipEntry[] = [];
  const names = new Set<string>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > bytes.length || v.getUint32(at, true) !== CENTRAL)
      throw corrupt(source, `directory entry ${i} is broken`, at);
    const nameEnd = at + 46 + v.getUint16(at + 28, true);
    const extraEnd = nameEnd + v.getUint16(at + 30, true);
    const next = extraEnd + v.getUint16(at + 32, true);
    if (next > bytes.length) throw corrupt(source, `directory entry ${i} passes the directory's end`, at);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, nameEnd));
    const [size, compressed, position] = sizes64(source, v, at, nameEnd, extraEnd, name);
    const flags = v.getUint16(at + 8, true);
    const method = v.getUint16(at + 10, true);
    if (flags & 1)
      throw new TesseraError(
        "file-encrypted",
        `Entry ${name} is encrypted; save it without a password: ${source.name}`,
      );
    if (method !== 0 && method !== 8)
      throw corrupt(
        source,
        `entry ${name} uses compression method ${method}; stored and deflate can be read`,
        at,
      );
    if (method === 8 && size > compressed * MOST_GAIN)
      throw corrupt(
        source,
        `entry ${name} claims ${size} bytes inflated from ${compressed}; no deflate stream holds so much`,
        at,
      );
    if (names.has(name)) throw corrupt(source, `two entries are named ${name}`, at);
    if (position + 30 + compressed > source.size)
      throw corrupt(
        source,
        `entry ${name} claims ${compressed} bytes at ${position}, the file has ${source.size}`,
        position,
      );
    names.add(name);
    entries.push({ name, method, crc: v.getUint32(at + 16, true), compressed, size, at: position });
    at = next;
  }
  return entries;
}

/** Size, compressed size and position; 32-bit fields of all ones are replaced from the zip64 extra field. */
function sizes64(
  source: ByteSource,
  v: DataView,
  entry: number,
  from: number,
  to: number,
  name: string,
): number[] {
  const fields = [
    v.getUint32(entry + 24, true),
    v.getUint32(entry + 20, true),
    v.getUint32(entry + 42, true),
  ];
  if (!fields.includes(MAX32)) return fields;
  for (let at = from; at + 4 <= to; at += 4 + v.getUint16(at + 2, true)) {
    if (v.getUint16(at, true) !== 1) continue;
    const end = at + 4 + v.getUint16(at + 2, true);
    let next = at + 4;
    return fields.map((field) => {
      if (field !== MAX32) return field;
      if (next + 8 > Math.min(end, to))
        throw corrupt(source, `the zip64 sizes of entry ${name} are incomplete`, at);
      next += 8;
      return u64(v, next - 8);
    });
  }
  throw corrupt(source, `entry ${name} has no zip64 sizes`, entry);
}

/** Position of an entry's first byte. @throws TesseraError `file-corrupt`. */
export async function zipDataStart(source: ByteSource, entry: ZipEntry): Promise<number> {
  const v = view(await source.read(entry.at, entry.at + 30));
  if (v.getUint32(0, true) !== LOCAL)
    throw corrupt(source, `entry ${entry.name} has no local header`, entry.at);
  const start = entry.at + 30 + v.getUint16(26, true) + v.getUint16(28, true);
  if (start + entry.compressed > source.size)
    throw corrupt(source, `entry ${entry.name} passes the end of the file`, start);
  if (entry.method === 0 && entry.compressed !== entry.size)
    throw corrupt(source, `stored entry ${entry.name} has two different sizes`, entry.at);
  return start;
}

/**
 * The first `limit` bytes of an entry, inflated as far as needed; the checksum is verified when all was read.
 * Memory is bounded by `limit`, whatever the directory claims.
 */
export async function readZipEntry(
  source: ByteSource,
  entry: ZipEntry,
  limit = entry.size,
): Promise<Uint8Array<ArrayBuffer>> {
  const start = await zipDataStart(source, entry);
  const wanted = Math.min(limit, entry.size);
  if (entry.method === 0) {
    const bytes = await source.read(start, start + wanted);
    return verified(source, entry, bytes);
  }
  const step = wanted < SMALL_CHUNK ? SMALL_CHUNK : INFLATE_CHUNK;
  const pieces: Uint8Array[] = [];
  let got = 0;
  let ended = false;
  const inflate = new Inflate((piece, final) => {
    if (got < wanted + 1) pieces.push(piece);
    got += piece.length;
    ended = final;
  });
  for (
    let at = 0;
    at < entry.compressed && got < wanted + (limit < entry.size ? 0 : 1) && !ended;
    at += step
  ) {
    const end = Math.min(at + step, entry.compressed);
    const chunk = await source.read(start + at, start + end);
    try {
      inflate.push(chunk, end === entry.compressed);
    } catch (error) {
      throw corrupt(source, `entry ${entry.name} does not inflate: ${(error as Error).message}`, start + at);
    }
  }
  if (got < wanted || (limit >= entry.size && got !== entry.size)) {
    throw corrupt(
      source,
      `entry ${entry.name} inflates to ${got} bytes, ${entry.size} were announced`,
      start,
    );
  }
  const out = new Uint8Array(wanted);
  let at = 0;
  for (const piece of pieces) {
    const part = piece.subarray(0, wanted - at);
    out.set(part, at);
    at += part.length;
  }
  return verified(source, entry, out);
}

function verified(
  source: ByteSource,
  entry: ZipEntry,
  bytes: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  if (bytes.length === entry.size && crc32(bytes) !== entry.crc) {
    throw corrupt(source, `entry ${entry.name} is damaged: its checksum does not match`, entry.at);
  }
  return bytes;
}
