/**
 * The position in a log file where a read ended, and how to continue: in the same file, or, if the log was rotated
 * meanwhile, in the file under its new name, then in those that followed, then in the current one.
 *
 * A file is identified by its inode, its first bytes and those before the position, because inodes are reused and some rotations
 * copy and truncate: a writer that keeps its offset leaves NUL bytes in front.
 */
import { open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { requireRegular } from '../regular-file.ts';
import { encodingOf, openText } from './text.ts';

export type FilePosition = {
  /** Decimal digits: a 64-bit inode does not fit a number. */
  inode: string;
  /** Bytes of the uncompressed text. */
  offset: number;
  /** The first bytes of the text: their number and CRC-32. */
  head_bytes: number;
  head_crc: number;
  /** The last bytes before the offset, where they are known: their number and CRC-32. */
  tail_bytes: number;
  tail_crc: number;
};

/** A file to read from an offset to its end. */
export type Piece = {
  path: string;
  offset: number;
  inode: string;
  size: number;
  mtime_ms: number;
  /** The position whose offset it is; null if it is read from its beginning. */
  from: FilePosition | null;
  /** Which rotated files there were; if that has changed, lines of this one are in the newest of them. */
  rotated?: string;
};

export const HEAD_BYTES_MAX = 1024;
export const TAIL_BYTES_MAX = 256;
/** Maximum number of rotated files to look at, newest first. */
const ROTATED_MAX = 30;

export function formatPosition({ inode, offset, head_bytes, head_crc, tail_bytes, tail_crc }: FilePosition): string {
  const tail = tail_bytes === 0 ? '' : `:${tail_bytes}:${tail_crc}`;
  return `${inode}:${offset}:${head_bytes}:${head_crc}${tail}`;
}

/** Returns null if the text is not a position; then everything is read. */
export function parsePosition(text: string | null | undefined): FilePosition | null {
  if (!text || !/^\d{1,20}:\d{1,16}(?::\d{1,4}:\d{1,10}){1,2}$/.test(text)) return null;
  const [inode = '', ...numbers] = text.split(':');
  const [offset = 0, head_bytes = 0, head_crc = 0, tail_bytes = 0, tail_crc = 0] = numbers.map(Number);
  return { inode, offset, head_bytes, head_crc, tail_bytes, tail_crc };
}

/** The position at `offset` in a file whose text begins with these bytes, and has those of `tail` before it. */
export function positionAt(
  offset: number,
  { inode, head, tail = Buffer.alloc(0) }: { inode: string; head: Buffer; tail?: Buffer },
): FilePosition {
  const known = head.subarray(0, Math.min(offset, HEAD_BYTES_MAX));
  return {
    inode,
    offset,
    head_bytes: known.length,
    head_crc: crc32(known),
    tail_bytes: tail.length,
    tail_crc: crc32(tail),
  };
}

/** The first bytes of the text, as many as a position needs. Empty if it can't be read. */
export async function readHead(path: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of await openText(path, { chunkBytes: 4096 })) {
      parts.push(chunk);
      bytes += chunk.length;
      if (bytes >= HEAD_BYTES_MAX) break;
    }
  } catch (error) {
    // Gone in this moment, it has another name now.
    if ((error as { code?: string }).code === 'ENOENT') throw error;
  }
  return Buffer.concat(parts).subarray(0, HEAD_BYTES_MAX);
}

/** The files to read after a position. `gap`: lines may be missing, because the file is gone. */
export async function piecesAfter(path: string, from: FilePosition | null): Promise<{ pieces: Piece[]; gap: boolean }> {
  const current = await pieceOf(path);
  if (from === null || (from.offset === 0 && current.inode === from.inode)) return { pieces: [current], gap: false };
  const at = { offset: from.offset, from: from.offset === 0 ? null : from };
  if (current.inode === from.inode && (await compare(current, from)) === 'same') {
    return { pieces: [{ ...current, ...at }], gap: false };
  }
  const rotated = await rotatedFiles(path);
  const [byInode] = rotated.filter(({ inode }) => inode === from.inode);
  const newerThan = (file: Piece) =>
    rotated.filter((one) => one.path !== file.path && one.mtime_ms > file.mtime_ms).reverse();
  // While the new file is empty, its writer may still be writing to the one before.
  const next = current.size === 0 ? [] : [{ ...current, rotated: inodesOf(rotated) }];
  let shorter: Piece | null = null;
  for (const file of byInode === undefined ? rotated : [byInode, ...rotated]) {
    const found = from.offset === 0 ? (file === byInode ? 'same' : 'another') : await compare(file, from);
    if (found === 'same') return { pieces: [{ ...file, ...at }, ...newerThan(file), ...next], gap: false };
    if (found === 'shorter') shorter ??= file;
  }
  // A copy of what was read, made a moment before: what followed was read in the file itself, before it was truncated.
  if (shorter !== null)
    return { pieces: [...newerThan(shorter), { ...current, rotated: inodesOf(rotated) }], gap: false };
  // The file was empty.
  if (from.offset === 0) return { pieces: [current], gap: false };
  // Moved to another disk, it has a new inode and the same bytes.
  if ((await compare(current, from)) === 'same') return { pieces: [{ ...current, ...at }], gap: false };
  return { pieces: [current], gap: true };
}

export const rotatedNow = async (path: string): Promise<string> => inodesOf(await rotatedFiles(path));

const inodesOf = (files: readonly Piece[]): string =>
  files
    .map(({ inode }) => inode)
    .sort()
    .join(' ');

/** Whether a file is the one of a position, or a copy of its beginning. */
async function compare({ path }: Piece, from: FilePosition): Promise<'same' | 'shorter' | 'another'> {
  if (!beginsWith(await readHead(path), from)) return 'another';
  const start = from.offset - from.tail_bytes;
  const plain = (await encodingOf(path)) === 'utf-8';
  const { tail, size } = plain ? await plainBytes(path, start, from) : await decodedBytes(path, start, from);
  if (size < from.offset) return 'shorter';
  return from.tail_bytes === 0 || hasBefore(tail, from) ? 'same' : 'another';
}

type Bytes = { tail: Buffer; size: number };

async function plainBytes(path: string, start: number, { tail_bytes }: FilePosition): Promise<Bytes> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(tail_bytes), 0, tail_bytes, start);
    return { tail: buffer.subarray(0, bytesRead), size };
  } finally {
    await file.close();
  }
}

/** `size` is at least the offset, if the text reaches it. */
async function decodedBytes(path: string, start: number, { offset }: FilePosition): Promise<Bytes> {
  const tail: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of await openText(path)) {
      if (size + chunk.length > start) tail.push(chunk.subarray(Math.max(0, start - size), offset - size));
      size += chunk.length;
      if (size >= offset) break;
    }
  } catch {}
  return { tail: Buffer.concat(tail), size };
}

/** Whether these bytes are those before the offset. */
export function hasBefore(tail: Buffer, { tail_bytes, tail_crc }: FilePosition): boolean {
  return tail.length === tail_bytes && crc32(tail) === tail_crc;
}

/** Whether this is the beginning of the text at whose `offset` a read ended. An empty one says nothing about the file. */
export function beginsWith(head: Buffer, { head_bytes, head_crc }: FilePosition): boolean {
  return head_bytes > 0 && head.length >= head_bytes && crc32(head.subarray(0, head_bytes)) === head_crc;
}

async function pieceOf(path: string): Promise<Piece> {
  const found = await stat(path, { bigint: true });
  await requireRegular(path, found);
  const { ino, size, mtimeNs } = found;
  return { path, offset: 0, inode: String(ino), size: Number(size), mtime_ms: Number(mtimeNs) / 1e6, from: null };
}

/** `app.log.1`, `app.log-20250707.gz`, `app-2025-07-07.log`, newest first. */
async function rotatedFiles(path: string): Promise<Piece[]> {
  const name = basename(path);
  const ending = extname(name);
  const stem = name.slice(0, name.length - ending.length);
  const names = (await readdir(dirname(path))).filter((other) => {
    if (other === name || !other.startsWith(stem)) return false;
    const rest = other.slice(stem.length).replace(ending, '').replace(/\.gz$/, '');
    return /^(?:\.old|[\d._T-]*\d[\d._T-]*)$/.test(rest);
  });
  const files = await Promise.all(names.map((other) => pieceOf(join(dirname(path), other)).catch(() => null)));
  const found = new Set(files.map((file) => file?.path));
  return (
    files
      .filter((file) => file !== null)
      // While a file is compressed, both are there, and only the first is whole.
      .filter((file) => !(file.path.endsWith('.gz') && found.has(file.path.slice(0, -3))))
      .sort((a, b) => b.mtime_ms - a.mtime_ms)
      .slice(0, ROTATED_MAX)
  );
}
