/**
 * Detects truncated audio files of formats that record their length. Each check reads a bounded part of the file.
 *
 *     mp4, webm, aiff   the sizes of its boxes, its segment, its form
 *     mp3               the byte count in a Xing header, which most encoders write
 *     flac              the number of samples promised, compared with the last frame present
 *     ogg               whether the last page is complete
 */
import type { FileHandle } from 'node:fs/promises';

/** What is missing, for people; null if nothing is, or if it can't be determined. */
export async function findMissingEnd(file: FileHandle, container: string): Promise<string | null> {
  const { size } = await file.stat();
  const promised = await (CHECKS[container]?.(file, size) ?? null);
  if (promised === null || promised.is <= promised.has) return null;
  const { what, is, has } = promised;
  return `this ${container} promises ${is} ${what}, the file has ${has}`;
}

type Promised = { what: string; is: number; has: number } | null;

const CHECKS: Readonly<Record<string, (file: FileHandle, size: number) => Promise<Promised>>> = {
  mp4: promisedByMp4,
  mov: promisedByMp4,
  '3gp': promisedByMp4,
  webm: promisedByWebm,
  aiff: promisedByAiff,
  mp3: promisedByMp3,
  flac: promisedByFlac,
  ogg: promisedByOgg,
};

const TOP_BOXES_MAX = 100_000; // a fragmented MP4 has two per fragment

async function promisedByMp4(file: FileHandle, size: number): Promise<Promised> {
  let offset = 0;
  for (let count = 0; offset < size && count < TOP_BOXES_MAX; count++) {
    const head = await readAt(file, offset, 16);
    if (head.length < 8) return bytes(offset + 8, size);
    const short = head.readUInt32BE(0);
    if (short === 0) return null; // the last box runs to the end of the file
    const length = short === 1 && head.length === 16 ? Number(head.readBigUInt64BE(8)) : short;
    if (length < 8) return null; // broken in another way, which the parser reports
    offset += length;
  }
  return bytes(offset, size);
}

async function promisedByAiff(file: FileHandle, size: number): Promise<Promised> {
  const head = await readAt(file, 0, 8);
  return head.length < 8 ? null : bytes(8 + head.readUInt32BE(4), size);
}

const EBML_HEADER = 0x1a45dfa3;
const SEGMENT = 0x18538067;

async function promisedByWebm(file: FileHandle, size: number): Promise<Promised> {
  let offset = 0;
  for (const expected of [EBML_HEADER, SEGMENT]) {
    const head = await readAt(file, offset, 12);
    if (head.length < 5 || head.readUInt32BE(0) !== expected) return null;
    // The number of leading zero bits is the number of bytes that follow; all ones means "unknown", as in a live
    // stream.
    const extra = Math.clz32(head.readUInt8(4)) - 24;
    if (extra > 7 || head.length < 5 + extra) return null;
    let length = BigInt(head.readUInt8(4) & (0x7f >> extra));
    for (let at = 1; at <= extra; at++) length = (length << 8n) | BigInt(head.readUInt8(4 + at));
    if (length === (1n << BigInt(7 * (extra + 1))) - 1n) return null;
    offset += 5 + extra + Number(length);
    if (offset >= size) break;
  }
  return bytes(offset, size);
}

const MP3_SLACK_BYTES = 1500; // some encoders count one frame too many; the largest has 1441 bytes

async function promisedByMp3(file: FileHandle, size: number): Promise<Promised> {
  const id3 = await readAt(file, 0, 10);
  const tagged = id3.length === 10 && id3.toString('latin1', 0, 3) === 'ID3';
  // Four bytes of seven bits each.
  const start = tagged ? 10 + [6, 7, 8, 9].reduce((sum, at) => sum * 128 + (id3.readUInt8(at) & 0x7f), 0) : 0;
  const frame = await readAt(file, start, 256);
  const at = Math.max(frame.indexOf('Xing', 0, 'latin1'), frame.indexOf('Info', 0, 'latin1'));
  if (at < 0 || at + 16 > frame.length) return null;
  const flags = frame.readUInt32BE(at + 4);
  if ((flags & 2) === 0) return null;
  const promised = frame.readUInt32BE(at + ((flags & 1) === 0 ? 8 : 12));
  return bytes(start + promised - MP3_SLACK_BYTES, size);
}

const TAIL_BYTES = 128 * 1024; // more than two of the largest frames or pages of any encoder

const OGG_PAGE = 'OggS';

async function promisedByOgg(file: FileHandle, size: number): Promise<Promised> {
  const from = Math.max(0, size - TAIL_BYTES);
  const tail = await readAt(file, from, TAIL_BYTES);
  const page = tail.lastIndexOf(Buffer.from(`${OGG_PAGE}\0`));
  if (page < 0) return null;
  // The header: its last byte is the number of lengths that follow it.
  const lengths = page + 27;
  const body = lengths + (tail[page + 26] ?? 1);
  if (body > tail.length) return bytes(from + body, size);
  const end = tail.subarray(lengths, body).reduce((sum, length) => sum + length, body);
  const rest = tail.toString('latin1', end);
  const cut_within_a_name = rest !== '' && OGG_PAGE.startsWith(rest);
  return bytes(from + end + (cut_within_a_name ? 28 : 0), size);
}

/**
 * Compares samples, because FLAC has no byte counts. A cut within the last frame, a tenth of a second, is not detected.
 */
async function promisedByFlac(file: FileHandle, size: number): Promise<Promised> {
  const head = await readAt(file, 0, 42);
  if (head.toString('latin1', 0, 4) !== 'fLaC') return null; // after an ID3 tag
  const info = head.subarray(8);
  if (info.length < 34) return bytes(42, size);
  const blockSamples = info.readUInt16BE(2);
  const fixedBlocks = info.readUInt16BE(0) === blockSamples;
  const total = Number(info.readBigUInt64BE(10) & 0xfffffffffn);
  if (total === 0) return null; // written to a pipe: unknown
  const tail = await readAt(file, Math.max(0, size - TAIL_BYTES), TAIL_BYTES);
  for (let at = tail.length - 6; at >= 0; at--) {
    const header = readFlacFrameHeader(tail, at);
    if (header === null) continue;
    const first = header.variable || !fixedBlocks ? header.number : header.number * blockSamples;
    return { what: 'samples', is: total, has: first + header.samples };
  }
  return { what: 'samples', is: total, has: 0 };
}

/** Null unless a complete header with the correct checksum begins there; random bytes pass once in some millions. */
function readFlacFrameHeader(
  buffer: Buffer,
  at: number,
): { variable: boolean; number: number; samples: number } | null {
  const second = buffer.readUInt8(at + 1);
  if (buffer.readUInt8(at) !== 0xff || (second & 0xfe) !== 0xf8) return null;
  const sizeCode = buffer.readUInt8(at + 2) >> 4;
  const rateCode = buffer.readUInt8(at + 2) & 0x0f;
  let next = at + 4;
  // The number is encoded like a UTF-8 character, up to 36 bits.
  const lead = buffer.readUInt8(next++);
  const continued = lead < 0x80 ? 0 : Math.clz32(~lead << 24) - 1;
  let number = lead < 0x80 ? lead : lead & (0x3f >> continued);
  for (let count = 0; count < continued && next < buffer.length; count++) {
    number = number * 64 + (buffer.readUInt8(next++) & 0x3f);
  }
  const sizeBytes = sizeCode === 6 ? 1 : sizeCode === 7 ? 2 : 0;
  const rateBytes = rateCode === 12 ? 1 : rateCode === 13 || rateCode === 14 ? 2 : 0;
  const end = next + sizeBytes + rateBytes;
  if (sizeCode === 0 || end >= buffer.length || crc8(buffer.subarray(at, end)) !== buffer[end]) return null;
  return { variable: (second & 1) === 1, number, samples: flacBlockSamples(buffer, sizeCode, next) };
}

/** The format's table of block sizes. */
function flacBlockSamples(buffer: Buffer, code: number, at: number): number {
  if (code === 1) return 192;
  if (code <= 5) return 576 << (code - 2);
  if (code === 6) return buffer.readUInt8(at) + 1;
  if (code === 7) return buffer.readUInt16BE(at) + 1;
  return 256 << (code - 8);
}

/** Polynomial x^8 + x^2 + x + 1. */
function crc8(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x80) === 0 ? crc << 1 : ((crc << 1) ^ 0x07) & 0xff;
  }
  return crc;
}

function bytes(is: number, has: number): Promised {
  return { what: 'bytes', is, has };
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
