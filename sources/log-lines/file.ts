/**
 * A log file, plain or gzipped, from its beginning or from a position, across rotations.
 *
 * The position is after the last complete line; an unfinished line is after it, so that it is read again in full.
 */
import { resolve } from 'node:path';
import { SourceError } from '../source.ts';
import { type LogBatch, type LogOptions, type LogReader, LogSource } from './log.ts';
import {
  formatPosition,
  isCompressed,
  openText,
  type Piece,
  parsePosition,
  piecesAfter,
  positionAt,
  readHead,
} from './position.ts';
import { LineScanner } from './scan.ts';

type Read = Parameters<LogReader['read']>[0];

export function openLogFile(path: string, options: LogOptions = {}): LogSource {
  return new LogSource(new LogFile(resolve(path), options));
}

class LogFile implements LogReader {
  readonly poll_ms = 500;
  readonly #path: string;
  readonly #options: LogOptions;

  constructor(path: string, options: LogOptions) {
    this.#path = path;
    this.#options = options;
  }

  get name(): string {
    return `log:${this.#path}`;
  }

  async *read({ from, signal }: Read): AsyncGenerator<LogBatch> {
    try {
      const { pieces, gap } = await piecesAfter(this.#path, parsePosition(from));
      if (gap) yield this.#notice('the file read before is gone; lines in between may be missing');
      for (const piece of pieces) {
        // Nobody reads the rest of a rotated file later, nor the rest after a read without a position.
        const waits = (this.#options.last_line ?? (from === undefined ? 'take' : 'wait')) === 'wait';
        const takesHalf = !waits || piece !== pieces.at(-1);
        yield* this.#readPiece(piece, { takesHalf, place: pieces.length > 1, signal });
      }
    } catch (error) {
      throw fileError(error, this.#path);
    }
  }

  async *#readPiece(
    piece: Piece,
    { takesHalf, place, signal }: { takesHalf: boolean; place: boolean; signal: AbortSignal },
  ): AsyncGenerator<LogBatch> {
    const { path, offset } = piece;
    const { zone = 0, now = Date.now } = this.#options;
    const compressed = await isCompressed(path);
    const head = await readHead(path);
    const scanner = new LineScanner({ zone, now_ms: now(), offset, ...(place ? { place: path } : {}) });
    const batch = (scanned: Pick<LogBatch, 'events' | 'unreadable' | 'looked_at'>): LogBatch => {
      const position = formatPosition(positionAt(scanner.offset, piece, head));
      return { ...scanned, position, otherwise_ms: Math.floor(piece.mtime_ms) };
    };
    let passed = compressed ? offset : 0;
    try {
      for await (const chunk of await openText(path, compressed ? {} : { offset })) {
        signal.throwIfAborted();
        const skipped = Math.min(passed, (chunk as Buffer).length);
        passed -= skipped;
        if (skipped < (chunk as Buffer).length) yield batch(scanner.push((chunk as Buffer).subarray(skipped)));
      }
    } catch (error) {
      if (!isDamage(error)) throw error;
      yield this.#notice(`${path} is damaged and was read up to there (${(error as Error).message})`);
    }
    if (takesHalf || compressed) return yield batch(scanner.takeHalf());
    const { scanned, complete } = scanner.half();
    if (complete) yield batch(scanned);
  }

  #notice(why: string): LogBatch {
    const unreadable = [{ where: this.#path, why }];
    return { events: [], unreadable, looked_at: 0, position: null, otherwise_ms: 0 };
  }

  async close(): Promise<void> {}
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
