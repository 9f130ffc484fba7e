/**
 * The position in a log file where a read ended, and how to continue: in the same file, or, if the log was rotated
 * meanwhile, in the file under its new name, then in those that followed, then in the current one.
 *
 * A file is identified by its inode and first bytes, because inodes are reused and some rotations copy and truncate.
 */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { encodingOf, openText } from './text.ts';

export type FilePosition = {
  /** Decimal digits: a 64-bit inode does not fit a number. */
  inode: string;
  /** Bytes of the uncompressed text. */
  offset: number;
  /** The first bytes of the text: their number and CRC-32. */
  head_bytes: number;
  head_crc: number;
};

/** A file to read from an offset to its end. `from`: the position whose offset it is; null if it is read from its beginning. */
export type Piece = { path: string; offset: number; inode: string; mtime_ms: number; from: FilePosition | null };

export const HEAD_BYTES_MAX = 1024;
/** Maximum number of rotated files to look at, newest first. */
const ROTATED_MAX = 30;

export function formatPosition({ inode, offset, head_bytes, head_crc }: FilePosition): string {
  return `${inode}:${offset}:${head_bytes}:${head_crc}`;
}

/** Returns null if the text is not a position; then everything is read. */
export function parsePosition(text: string | null | undefined): FilePosition | null {
  if (!text || !/^\d{1,20}:\d{1,16}:\d{1,4}:\d{1,10}$/.test(text)) return null;
  const [inode = '', ...numbers] = text.split(':');
  const [offset = 0, head_bytes = 0, head_crc = 0] = numbers.map(Number);
  return { inode, offset, head_bytes, head_crc };
}

/** The position at `offset` in a file whose text begins with these bytes. */
export function positionAt(offset: number, { inode }: Pick<Piece, 'inode'>, head: Buffer): FilePosition {
  const known = head.subarray(0, Math.min(offset, HEAD_BYTES_MAX));
  return { inode, offset, head_bytes: known.length, head_crc: crc32(known) };
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
  } catch {}
  return Buffer.concat(parts).subarray(0, HEAD_BYTES_MAX);
}

/** The files to read after a position. `gap`: lines may be missing, because the file is gone. */
export async function piecesAfter(path: string, from: FilePosition | null): Promise<{ pieces: Piece[]; gap: boolean }> {
  const current = await pieceOf(path);
  if (from === null || (from.offset === 0 && current.inode === from.inode)) return { pieces: [current], gap: false };
  const at = { offset: from.offset, from: from.offset === 0 ? null : from };
  if (current.inode === from.inode && (await isSame(current, from)))
    return { pieces: [{ ...current, ...at }], gap: false };
  const rotated = await rotatedFiles(path);
  const [byInode] = rotated.filter(({ inode }) => inode === from.inode);
  for (const file of byInode === undefined ? rotated : [byInode, ...rotated]) {
    if (from.offset === 0 ? file !== byInode : !(await isSame(file, from))) continue;
    const newer = rotated.filter((one) => one.path !== file.path && one.mtime_ms > file.mtime_ms).reverse();
    return { pieces: [{ ...file, ...at }, ...newer, current], gap: false };
  }
  // The file was empty.
  if (from.offset === 0) return { pieces: [current], gap: false };
  // Moved to another disk, it has a new inode and the same bytes.
  if (await isSame(current, from)) return { pieces: [{ ...current, ...at }], gap: false };
  return { pieces: [current], gap: true };
}

async function isSame({ path }: Piece, from: FilePosition): Promise<boolean> {
  const { size } = await stat(path);
  if (size < from.offset && (await encodingOf(path)) === 'utf-8') return false;
  return beginsWith(await readHead(path), from);
}

/** Whether this is the beginning of the text at whose `offset` a read ended. An empty one says nothing about the file. */
export function beginsWith(head: Buffer, { head_bytes, head_crc }: FilePosition): boolean {
  return head_bytes > 0 && head.length >= head_bytes && crc32(head.subarray(0, head_bytes)) === head_crc;
}

async function pieceOf(path: string): Promise<Piece> {
  const { ino, mtimeNs } = await stat(path, { bigint: true });
  return { path, offset: 0, inode: String(ino), mtime_ms: Number(mtimeNs) / 1e6, from: null };
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
  return files
    .filter((file) => file !== null)
    .sort((a, b) => b.mtime_ms - a.mtime_ms)
    .slice(0, ROTATED_MAX);
}
