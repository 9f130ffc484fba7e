/**
 * Measures a WebM whose header has no duration, as recorded by browsers: the time of its last block. Walks the headers
 * of the elements (EBML: an id, a size, a body) and skips the bodies.
 */
import type { FileHandle } from 'node:fs/promises';

const SEGMENT = 0x18538067;
const CLUSTER = 0x1f43b675;
const CLUSTER_TIME = 0xe7;
const BLOCK_GROUP = 0xa0;
const BLOCK = 0xa1;
const SIMPLE_BLOCK = 0xa3;
const INFO = 0x1549a966;
const TICK_NANOSECONDS = 0x2ad7b1;

/** Their children are walked as siblings, so that an unknown size does no harm. */
const OPENED = new Set([SEGMENT, CLUSTER, BLOCK_GROUP, INFO]);

const READ_BYTES = 1024 * 1024;
const HEADER_BYTES_MAX = 12;

/** Seconds; null if there is no block. */
export async function measureWebm(file: FileHandle): Promise<number | null> {
  let window = Buffer.alloc(0);
  let windowAt = 0;
  const at = async (position: number, length: number) => {
    if (position < windowAt || position + length > windowAt + window.length) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(READ_BYTES), 0, READ_BYTES, position);
      window = buffer.subarray(0, bytesRead);
      windowAt = position;
    }
    return window.subarray(position - windowAt, position - windowAt + length);
  };

  let tick_nanoseconds = 1_000_000;
  let clusterTime = 0;
  let last: number | null = null;
  let position = 0;
  for (;;) {
    const head = await at(position, HEADER_BYTES_MAX);
    const idLength = vintLength(head[0]);
    if (idLength > 4 || head.length <= idLength) break;
    const id = head.readUIntBE(0, idLength);
    const sizeLength = vintLength(head[idLength]);
    if (sizeLength > 8 || head.length < idLength + sizeLength) break;
    const size = readSize(head.subarray(idLength, idLength + sizeLength));
    position += idLength + sizeLength;
    if (OPENED.has(id)) continue;
    if (size === null) break;

    const body = await at(position, Math.min(size, HEADER_BYTES_MAX));
    if (id === CLUSTER_TIME) clusterTime = readNumber(body);
    if (id === TICK_NANOSECONDS) tick_nanoseconds = readNumber(body);
    if (id === BLOCK || id === SIMPLE_BLOCK) {
      const track = vintLength(body[0]);
      if (body.length >= track + 2) last = Math.max(last ?? 0, clusterTime + body.readInt16BE(track));
    }
    position += size;
  }
  return last === null ? null : (last * tick_nanoseconds) / 1e9;
}

/** One more than the number of leading zero bits of the first byte; 9 if there is no byte or no bit. */
function vintLength(first: number | undefined): number {
  return first === undefined || first === 0 ? 9 : Math.clz32(first) - 23;
}

/** Null for "unknown": all bits are set. */
function readSize(bytes: Buffer): number | null {
  const bits = 7n * BigInt(bytes.length);
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  value &= (1n << bits) - 1n;
  return value === (1n << bits) - 1n ? null : Number(value);
}

function readNumber(bytes: Buffer): number {
  return bytes.subarray(0, 8).reduce((value, byte) => value * 256 + byte, 0);
}
