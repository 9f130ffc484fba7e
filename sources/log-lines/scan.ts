/**
 * Parses a log's bytes into events. Most of a log is unrelated, so the bytes are searched for our keywords first and
 * only lines that contain one are parsed: a chunk costs a few native string searches, and no promise per line.
 *
 * Measured by `node bench/log-lines.ts`; the figures are in docs/logs.md.
 */
import { isAscii } from 'node:buffer';
import { type LoggedEvent, type ParsedLine, parseLogLine } from '../../protocol/log-line.ts';
import type { LogTimeOptions } from '../../protocol/log-time.ts';
import { type LineAt, readUsual } from '../../protocol/log-usual.ts';
import type { Unreadable } from '../source.ts';

/** Longer lines are skipped without being buffered. */
export const LINE_BYTES_MAX = 2 * 1024 * 1024;

/** The events of a chunk. Their strings are slices of the chunk's text: to keep one longer, copy it with `ownWord`. */
export type Scanned = { events: LoggedEvent[]; unreadable: Unreadable[]; looked_at: number };

export type ScanOptions = LogTimeOptions & {
  /** Offset of the first byte; lines are numbered only if it is 0. */
  offset?: number;
  /** Prefix of line numbers: the file's name, if there are several. */
  place?: string;
};

export class LineScanner {
  readonly #options: ScanOptions;
  readonly #first: number;
  /** Of the unfinished line. */
  #half: Buffer[] = [];
  #halfBytes = 0;
  /** The line is too long; skip to its end. */
  #passing = false;
  #offset: number;
  #lines = 0;

  constructor(options: ScanOptions = {}) {
    this.#options = options;
    this.#first = options.offset ?? 0;
    this.#offset = this.#first;
  }

  /** Offset of the unfinished line: everything before it has been returned. */
  get offset(): number {
    return this.#offset;
  }

  /** Does not keep the bytes. */
  push(chunk: Buffer): Scanned {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end === 0) return this.#keep(chunk, { events: [], unreadable: [], looked_at: 0 });
    const ended = chunk.subarray(0, end);
    const whole = this.#halfBytes === 0 ? ended : this.#join(ended);
    const scanned = this.#scan(whole);
    return end === chunk.length ? scanned : this.#keep(chunk.subarray(end), scanned);
  }

  /**
   * Parses the unfinished line as it is, without consuming it. `complete`: it is complete JSON, so the rest can't
   * change it; a plain line may be cut in the middle of a number.
   */
  half(): { scanned: Scanned; complete: boolean } {
    const line = this.#join(Buffer.alloc(0));
    const [offset, lines, passing] = [this.#offset, this.#lines, this.#passing];
    const scanned = this.#scan(line);
    [this.#offset, this.#lines, this.#passing] = [offset, lines, passing];
    this.#half = [line];
    this.#halfBytes = line.length;
    const complete = scanned.events.length > 0 && line.toString('latin1').trimEnd().endsWith('}');
    return { scanned, complete };
  }

  /** At the end of the input, an unfinished line is a line. */
  takeHalf(): Scanned {
    if (this.#halfBytes === 0) return { events: [], unreadable: [], looked_at: 0 };
    return { ...this.#scan(this.#join(Buffer.alloc(0))), looked_at: 1 };
  }

  #keep(rest: Buffer, scanned: Scanned): Scanned {
    if (this.#passing) {
      this.#offset += rest.length;
      return scanned;
    }
    this.#halfBytes += rest.length;
    if (this.#halfBytes <= LINE_BYTES_MAX) {
      this.#half.push(Buffer.from(rest));
      return scanned;
    }
    const why = `longer than ${LINE_BYTES_MAX / 1024 / 1024} MiB: skipped`;
    scanned.unreadable.push({ where: this.#where(this.#lines, this.#offset), why });
    this.#passing = true;
    this.#offset += this.#halfBytes;
    this.#half = [];
    this.#halfBytes = 0;
    return scanned;
  }

  #join(ended: Buffer): Buffer {
    const whole = Buffer.concat([...this.#half, ended]);
    this.#half = [];
    this.#halfBytes = 0;
    return whole;
  }

  #scan(bytes: Buffer): Scanned {
    const events: LoggedEvent[] = [];
    const unreadable: Unreadable[] = [];
    const ascii = isAscii(bytes);
    const text = bytes.toString('latin1');
    let from = 0;
    if (this.#passing) {
      from = text.indexOf('\n') + 1;
      this.#passing = false;
    }
    let lines = 0;
    let counted = 0;
    const after = (words: string, at: number) => indexOf(text, words, at);
    const line: LineAt = { text, start: 0, end: 0, event: 0, marker: 0, brace: 0, escape: 0 };
    line.event = after('JOB_', from);
    line.marker = after('TRANSCRIPTION_EVENT', from);
    line.brace = after('{', from);
    line.escape = after('\u001b', from);
    for (let hit = Math.min(line.event, line.marker); hit < text.length; hit = Math.min(line.event, line.marker)) {
      // In a log of our lines only, the next begins where the last one ended.
      line.start = from;
      line.end = Math.min(text.length, after('\n', from));
      if (line.end < hit) {
        line.start = text.lastIndexOf('\n', hit) + 1;
        line.end = Math.min(text.length, after('\n', hit));
      }
      if (counted < line.start) lines += countLines(text, counted, line.start);
      if (line.brace < line.start) line.brace = after('{', line.start);
      if (line.escape < line.start) line.escape = after('\u001b', line.start);
      const parsed = this.#read(line, bytes, ascii);
      if (parsed !== null && 'why' in parsed) {
        unreadable.push({ where: this.#where(this.#lines + lines, this.#offset + line.start), why: parsed.why });
      } else if (parsed !== null) events.push(parsed);
      from = line.end + 1;
      if (from <= text.length) lines += 1;
      counted = from;
      if (line.event < from) line.event = after('JOB_', from);
      if (line.marker < from) line.marker = after('TRANSCRIPTION_EVENT', from);
    }
    lines += countLines(text, counted, text.length);
    this.#lines += lines;
    this.#offset += bytes.length;
    return { events, unreadable, looked_at: lines };
  }

  /** The fast reader needs ASCII; only other lines are decoded as UTF-8. */
  #read(line: LineAt, bytes: Buffer, ascii: boolean): ParsedLine {
    return (
      readUsual(line, this.#options) ??
      parseLogLine(bytes.toString(ascii ? 'latin1' : 'utf8', line.start, line.end), this.#options)
    );
  }

  #where(lines: number, offset: number): string {
    const { place } = this.#options;
    const line = this.#first === 0 ? `line ${lines + 1}` : `byte ${offset}`;
    return place === undefined ? line : `${place}, ${line}`;
  }
}

const NEWLINE = 10;

/** Past the end if there is none. */
function indexOf(text: string, words: string, from: number): number {
  const at = text.indexOf(words, from);
  return at === -1 ? Number.POSITIVE_INFINITY : at;
}

function countLines(text: string, from: number, to: number): number {
  let lines = 0;
  for (let at = indexOf(text, '\n', from); at < to; at = indexOf(text, '\n', at + 1)) lines += 1;
  return lines;
}
