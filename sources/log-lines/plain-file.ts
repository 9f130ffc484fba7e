/**
 * The bytes of a plain log from an offset on, as long as they are of the same log: a file may be truncated and written again between
 * two reads. What was read is compared with the file before a chunk is returned.
 */
import { type FileHandle, open } from 'node:fs/promises';
import {
  beginsWith,
  type FilePosition,
  HEAD_BYTES_MAX,
  hasBefore,
  type Piece,
  positionAt,
  rotatedNow,
  TAIL_BYTES_MAX,
} from './position.ts';
import { CHUNK_BYTES } from './text.ts';

type Chunk = { bytes: Buffer; same: boolean };

export class PlainFile {
  readonly #file: FileHandle;
  readonly #piece: Piece;
  /** The first bytes. */
  #head: Buffer;
  /** The last bytes up to the end of the last chunk, and up to its beginning. */
  #last: Buffer;
  #before: Buffer;
  #chunk: Buffer = Buffer.alloc(0);
  #end: number;
  /** The bytes before the last position. */
  #tail: { offset: number; bytes: Buffer };

  private constructor(file: FileHandle, piece: Piece, { head, last }: { head: Buffer; last: Buffer }) {
    this.#file = file;
    this.#piece = piece;
    this.#head = head;
    this.#last = this.#before = last;
    this.#end = piece.offset;
    this.#tail = { offset: piece.offset, bytes: last };
  }

  /** Null if the file is another one than it was when it was looked at. */
  static async open(piece: Piece): Promise<PlainFile | null> {
    const { path, offset, from, inode } = piece;
    const file = await open(path);
    try {
      const { ino } = await file.stat({ bigint: true });
      const head = await bytesAt(file, 0, Math.min(offset, HEAD_BYTES_MAX));
      const last = await bytesAt(file, Math.max(0, offset - TAIL_BYTES_MAX), Math.min(offset, TAIL_BYTES_MAX));
      if (String(ino) === inode && (from === null || isBefore(from, { head, last }))) {
        return new PlainFile(file, piece, { head, last });
      }
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
    return null;
  }

  /** Whether nothing was read of it, nor before. */
  get isEmpty(): boolean {
    return this.#end === 0;
  }

  /** A chunk is valid until the next one. `moved`: what follows is of another log. */
  async *chunks(signal: AbortSignal): AsyncGenerator<Buffer | 'moved'> {
    const buffers = [Buffer.alloc(CHUNK_BYTES), Buffer.alloc(CHUNK_BYTES)] as const;
    let next = this.#read(buffers[0]);
    try {
      for (let turn = 1; ; turn = 1 - turn) {
        signal.throwIfAborted();
        const { bytes, same } = await next;
        if (bytes.length === 0) return;
        if (!same) return yield 'moved';
        if (this.#head.length === this.#end) {
          this.#head = Buffer.concat([this.#head, bytes.subarray(0, HEAD_BYTES_MAX - this.#head.length)]);
        }
        this.#chunk = bytes;
        this.#before = this.#last;
        this.#last = lastBytes(this.#before, bytes);
        this.#end += bytes.length;
        next = this.#read(buffers[turn]!);
        yield bytes;
      }
    } finally {
      await next.catch(() => {});
    }
  }

  /** At an offset up to the end of the last chunk. */
  positionAt(offset: number): FilePosition {
    const start = this.#end - this.#chunk.length;
    if (offset > start) {
      this.#tail = { offset, bytes: lastBytes(this.#before, this.#chunk.subarray(0, offset - start)) };
    } else if (offset !== this.#tail.offset) {
      // In an earlier chunk, where parts of a line wait for their end.
      this.#tail = { offset, bytes: Buffer.alloc(0) };
    }
    return positionAt(offset, { inode: this.#piece.inode, head: this.#head, tail: this.#tail.bytes });
  }

  async #read(buffer: Buffer): Promise<Chunk> {
    const [file, head, last, offset] = [this.#file, this.#head, this.#last, this.#end];
    const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
    const bytes = buffer.subarray(0, bytesRead);
    if (bytesRead === 0 || !head.equals(await bytesAt(file, 0, head.length))) return { bytes, same: false };
    if (!last.equals(await bytesAt(file, offset - last.length, last.length))) return { bytes, same: false };
    const { rotated, path } = this.#piece;
    const same = offset > 0 || rotated === undefined || rotated === (await rotatedNow(path));
    return { bytes, same };
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

async function bytesAt(file: FileHandle, start: number, bytes: number): Promise<Buffer> {
  if (bytes === 0) return Buffer.alloc(0);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, start);
  return buffer.subarray(0, bytesRead);
}

const isBefore = (from: FilePosition, { head, last }: { head: Buffer; last: Buffer }): boolean =>
  beginsWith(head, from) && (from.tail_bytes === 0 || hasBefore(last.subarray(-from.tail_bytes), from));

function lastBytes(before: Buffer, bytes: Buffer): Buffer {
  if (bytes.length >= TAIL_BYTES_MAX) return Buffer.from(bytes.subarray(-TAIL_BYTES_MAX));
  return Buffer.concat([before, bytes]).subarray(-TAIL_BYTES_MAX);
}
