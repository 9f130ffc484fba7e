/**
 * A log file, plain, gzipped or UTF-16, from its beginning or from a position, across rotations.
 *
 * The position is after the last complete line; an unfinished line is after it, so that it is read again in full.
 */
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { SourceError } from '../source.ts';
import { dated } from './dated-event.ts';
import { type LogBatch, type LogOptions, type LogReader, LogSource } from './log.ts';
import {
  beginsWith,
  formatPosition,
  HEAD_BYTES_MAX,
  type Piece,
  parsePosition,
  piecesAfter,
  positionAt,
  readHead,
} from './position.ts';
import { LineScanner, type ScanMemory, type Scanned } from './scan.ts';
import { CHUNK_BYTES, encodingOf, openText } from './text.ts';

type Read = Parameters<LogReader['read']>[0];
type How = { takesHalf: boolean; place: boolean; signal: AbortSignal };
type PieceRead = { scanned: Scanned; position: string | null; notice?: undefined } | { notice: string };

/** A line that is being written is whole by then. */
const ENDED_AFTER_MS = 60_000;

/** Chunks that are held back until a line has a time. */
const HELD_MAX = 16;

export function openLogFile(path: string, options: LogOptions = {}): LogSource {
  return new LogSource(new LogFile(resolve(path), options));
}

class LogFile implements LogReader {
  readonly poll_ms = 500;
  readonly #path: string;
  readonly #options: LogOptions;
  /** The last position, and what is known of the lines before it. */
  #last: { position: string | null; memory?: ScanMemory } = { position: null };

  constructor(path: string, options: LogOptions) {
    this.#path = path;
    this.#options = options;
  }

  get name(): string {
    return `log:${this.#path}`;
  }

  async *read({ from: text, signal }: Read): AsyncGenerator<LogBatch> {
    try {
      const position = parsePosition(text);
      const from = position === null ? null : (text ?? null);
      const { pieces, gap } = await piecesAfter(this.#path, position);
      if (from === null || from !== this.#last.position) this.#last = { position: from };
      if (gap) yield this.#notice('the file read before is gone; lines in between may be missing');
      for (const piece of pieces) {
        // Nobody reads the rest of a rotated file later, nor the rest after a read without a position.
        const waits = (this.#options.last_line ?? (text === undefined ? 'take' : 'wait')) === 'wait';
        // Nor that of a worker that has died: a first read takes what has been unfinished for long.
        const ended = text === null && (this.#options.now ?? Date.now)() - piece.mtime_ms > ENDED_AFTER_MS;
        const takesHalf = !waits || ended || piece !== pieces.at(-1);
        yield* this.#readPiece(piece, { takesHalf, place: pieces.length > 1, signal });
      }
    } catch (error) {
      throw fileError(error, this.#path);
    }
  }

  /** Batches are held back while their events wait for the first line with a time. */
  async *#readPiece(piece: Piece, how: How): AsyncGenerator<LogBatch> {
    const { zone = 0, now = Date.now } = this.#options;
    const { path, offset, mtime_ms } = piece;
    const place = how.place ? { place: path } : {};
    const { memory } = this.#last;
    const scanner = new LineScanner({ zone, now_ms: now(), offset, ...place, ...(memory ? { memory } : {}) });
    const encoding = await encodingOf(path);
    const reads =
      encoding === 'utf-8'
        ? this.#readPlain(piece, scanner, how)
        : this.#readEncoded(piece, scanner, { ...how, takesHalf: how.takesHalf || encoding === 'gzip' });
    let held: { scanned: Scanned; position: string | null }[] = [];
    const release = (): LogBatch[] => {
      const otherwise_ms = Math.floor(mtime_ms);
      const batches = held.map(({ scanned, position }) => dated(scanned, { scanner, otherwise_ms, position }));
      const position = held.at(-1)?.position ?? this.#last.position;
      if (held.length > 0) this.#last = { position, memory: scanner.memory };
      held = [];
      return batches;
    };
    for await (const read of reads) {
      if (read.notice !== undefined) {
        yield this.#notice(read.notice);
        continue;
      }
      held.push(read);
      if (!scanner.waits || held.length >= HELD_MAX) yield* release();
    }
    yield* release();
  }

  async *#readPlain(piece: Piece, scanner: LineScanner, { takesHalf, signal }: How): AsyncGenerator<PieceRead> {
    // Kept as long as nothing was read after it: an empty file cannot be recognised later.
    const from = this.#last.position;
    const file = await open(piece.path);
    try {
      const { ino } = await file.stat({ bigint: true });
      const headIn = async (bytes: number): Promise<Buffer> => {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
        return buffer.subarray(0, bytesRead);
      };
      // The file may have been rotated since it was looked at; then the next read finds the rest under another name.
      let head = await headIn(Math.min(piece.offset, HEAD_BYTES_MAX));
      if (piece.from !== null && (String(ino) !== piece.inode || !beginsWith(head, piece.from))) return;
      const at = (): string | null =>
        scanner.offset === 0 && from !== null
          ? from
          : formatPosition(positionAt(scanner.offset, { inode: String(ino) }, head));
      const buffer = Buffer.alloc(CHUNK_BYTES);
      for (let offset = piece.offset; ; ) {
        signal.throwIfAborted();
        const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, offset);
        if (bytesRead === 0) break;
        // Truncated in between, these bytes are those of another log.
        if (head.length > 0 && !head.equals(await headIn(head.length))) return;
        const chunk = buffer.subarray(0, bytesRead);
        if (head.length === offset) head = Buffer.concat([head, chunk.subarray(0, HEAD_BYTES_MAX - head.length)]);
        offset += bytesRead;
        yield { scanned: scanner.push(chunk), position: at() };
      }
      // The next read of an empty file knows it by its inode.
      if (head.length === 0 && from === null) yield { scanned: scanner.push(Buffer.alloc(0)), position: at() };
      for (const scanned of lastOf(scanner, takesHalf)) yield { scanned, position: at() };
    } finally {
      await file.close();
    }
  }

  /** Its text has no offsets in the file: it is decoded from the beginning. */
  async *#readEncoded(piece: Piece, scanner: LineScanner, { takesHalf, signal }: How): AsyncGenerator<PieceRead> {
    const head = await readHead(piece.path);
    const at = () => formatPosition(positionAt(scanner.offset, piece, head));
    let passed = piece.offset;
    try {
      for await (const chunk of await openText(piece.path)) {
        signal.throwIfAborted();
        const skipped = Math.min(passed, chunk.length);
        passed -= skipped;
        if (skipped < chunk.length) yield { scanned: scanner.push(chunk.subarray(skipped)), position: at() };
      }
    } catch (error) {
      if (!isDamage(error)) throw error;
      yield { notice: `${piece.path} is damaged and was read up to there (${(error as Error).message})` };
    }
    for (const scanned of lastOf(scanner, takesHalf)) yield { scanned, position: at() };
  }

  #notice(why: string): LogBatch {
    const unreadable = [{ where: this.#path, why }];
    return { events: [], unreadable, looked_at: 0, position: this.#last.position, undated: 0, notes: [] };
  }

  async close(): Promise<void> {}
}

/** The unfinished line: as a line, or only if the rest cannot change it. */
function* lastOf(scanner: LineScanner, takesHalf: boolean): Generator<Scanned> {
  if (takesHalf) return yield scanner.takeHalf();
  const { scanned, complete } = scanner.half();
  if (complete) yield scanned;
}

/** zlib's codes: truncated, or not gzip from some point on. */
function isDamage(error: unknown): boolean {
  return String((error as { code?: string }).code).startsWith('Z_');
}

function fileError(error: unknown, path: string): unknown {
  const { code, message } = error as { code?: string; message: string };
  const says = (kind: SourceError['kind'], why: string, hint: string) =>
    new SourceError(kind, `log:${path}: ${why}`, { hint, cause: error });
  if (code === 'ENOENT') return says('missing', 'the file does not exist', `check ls ${path.replace(/[^/]*$/, '')}`);
  if (code === 'EACCES' || code === 'EPERM') return says('denied', 'permission denied', `check ls -l ${path}`);
  if (code === 'EISDIR') return says('unusable', 'it is a directory', `pass its files: ${path}/*.log`);
  if (code === undefined || error instanceof SourceError) return error;
  return says('unusable', message, `check ls -l ${path}`);
}
