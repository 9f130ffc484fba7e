/**
 * A log file, plain, gzipped or UTF-16, from its beginning or from a position, across rotations.
 *
 * The position is after the last complete line; an unfinished line is after it, so that it is read again in full.
 */
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { NotRegularError } from '../regular-file.ts';
import { SourceError } from '../source.ts';
import { dated } from './dated-event.ts';
import { type LogBatch, type LogOptions, type LogReader, LogSource } from './log.ts';
import { PlainFile } from './plain-file.ts';
import { formatPosition, type Piece, parsePosition, piecesAfter, positionAt, readHead } from './position.ts';
import { LineScanner, type ScanMemory, type Scanned } from './scan.ts';
import { encodingOf, openText } from './text.ts';

type Read = Parameters<LogReader['read']>[0];
type How = { takesHalf: boolean; place: boolean; signal: AbortSignal };
/** `moved`: it is another file than it was when it was looked at. */
type PieceRead = 'moved' | { scanned: Scanned; position: string | null; notice?: undefined } | { notice: string };

/** A line that is being written is whole by then. */
const ENDED_AFTER_MS = 60_000;

/** Chunks that are held back until a line has a time. */
const HELD_MAX = 64;
/** Rotations during one read. */
const MOVES_MAX = 20;

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

  async *read({ from, signal }: Read): AsyncGenerator<LogBatch> {
    const position = parsePosition(from) === null ? null : (from ?? null);
    if (position === null || position !== this.#last.position) this.#last = { position };
    const waits = (this.#options.last_line ?? (from === undefined ? 'take' : 'wait')) === 'wait';
    for (let moves = 0; moves < MOVES_MAX; moves += 1) {
      try {
        const moved = yield* this.#readPieces({ waits, first: from === null, signal });
        if (!moved) return;
      } catch (error) {
        const isGone = (error as { code?: string }).code === 'ENOENT' && existsSync(this.#path);
        if (!isGone) throw fileError(error, this.#path);
      }
    }
  }

  /** From the last position on. Returns true if a file was rotated meanwhile: what follows has other names now. */
  async *#readPieces({
    waits,
    first,
    signal,
  }: {
    waits: boolean;
    first: boolean;
    signal: AbortSignal;
  }): AsyncGenerator<LogBatch, boolean> {
    const { pieces, gap } = await piecesAfter(this.#path, parsePosition(this.#last.position));
    if (gap) yield this.#notice('the file read before is gone; lines in between may be missing');
    for (const piece of pieces) {
      // Nobody reads the rest of a rotated file later, nor the rest after a read without a position.
      // Nor that of a worker that has died: a first read takes what has been unfinished for long.
      const ended = first && (this.#options.now ?? Date.now)() - piece.mtime_ms > ENDED_AFTER_MS;
      const takesHalf = !waits || ended || piece !== pieces.at(-1);
      if (yield* this.#readPiece(piece, { takesHalf, place: pieces.length > 1, signal })) return true;
    }
    return false;
  }

  /** Batches are held back while their events wait for the first line with a time. */
  async *#readPiece(piece: Piece, how: How): AsyncGenerator<LogBatch, boolean> {
    const { zone, now = Date.now } = this.#options;
    const { path, offset, mtime_ms } = piece;
    const place = how.place ? { place: path } : {};
    const { memory } = this.#last;
    const scanner = new LineScanner({
      ...(zone === undefined ? {} : { zone }),
      now_ms: now(),
      offset,
      ...place,
      ...(memory ? { memory } : {}),
    });
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
      if (read === 'moved') {
        yield* release();
        return true;
      }
      if (read.notice !== undefined) {
        yield this.#notice(read.notice);
        continue;
      }
      held.push(read);
      if (!scanner.waits || held.length >= HELD_MAX) yield* release();
    }
    yield* release();
    return false;
  }

  async *#readPlain(piece: Piece, scanner: LineScanner, { takesHalf, signal }: How): AsyncGenerator<PieceRead> {
    // Kept as long as nothing was read after it: an empty file cannot be recognised later.
    const from = this.#last.position;
    const file = await PlainFile.open(piece);
    if (file === null) return yield 'moved';
    const at = (): string | null =>
      scanner.offset === 0 && from !== null ? from : formatPosition(file.positionAt(scanner.offset));
    try {
      for await (const chunk of file.chunks(signal)) {
        if (chunk === 'moved') return yield 'moved';
        yield { scanned: scanner.push(chunk), position: at() };
      }
      // The next read of an empty file knows it by its inode.
      if (file.isEmpty && from === null) yield { scanned: scanner.push(Buffer.alloc(0)), position: at() };
      for (const scanned of lastOf(scanner, takesHalf)) yield { scanned, position: at() };
    } finally {
      await file.close();
    }
  }

  /** Its text has no offsets in the file: it is decoded from the beginning. */
  async *#readEncoded(piece: Piece, scanner: LineScanner, { takesHalf, signal }: How): AsyncGenerator<PieceRead> {
    const { ino } = await stat(piece.path, { bigint: true });
    if (String(ino) !== piece.inode) return yield 'moved';
    const head = await readHead(piece.path);
    const at = () => formatPosition(positionAt(scanner.offset, { inode: piece.inode, head }));
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
    return {
      events: [],
      unreadable,
      looked_at: 0,
      position: this.#last.position,
      undated: 0,
      without_zone: false,
      notes: [],
    };
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
  if (error instanceof NotRegularError) {
    const hint = `pass a file, or pipe lines in: … | tmon logs watch`;
    return new SourceError('unusable', `log:${path}: it is ${error.what}`, { hint, cause: error });
  }
  const { code, message } = error as { code?: string; message: string };
  const says = (kind: SourceError['kind'], why: string, hint: string) =>
    new SourceError(kind, `log:${path}: ${why}`, { hint, cause: error });
  if (code === 'ENOENT') return says('missing', 'the file does not exist', `check ls ${path.replace(/[^/]*$/, '')}`);
  if (code === 'EACCES' || code === 'EPERM') return says('denied', 'permission denied', `check ls -l ${path}`);
  if (code === 'EISDIR') return says('unusable', 'it is a directory', `pass its files: ${path}/*.log`);
  if (code === undefined || error instanceof SourceError) return error;
  return says('unusable', message, `check ls -l ${path}`);
}
