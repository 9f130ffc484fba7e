/**
 * Parses a log's bytes into events. Most of a log is unrelated, so the bytes are searched for our keywords first and
 * only lines that contain one are parsed: a chunk costs a few native string searches, and no promise per line.
 *
 * Measured by `node bench/log-lines.ts`; the figures are in docs/logs.md.
 */
import { isAscii } from 'node:buffer';
import { type LoggedEvent, parseLogLines } from '../../protocol/log-line.ts';
import { type LogTimeOptions, readZoned } from '../../protocol/log-time.ts';
import { type LineAt, readUsual } from '../../protocol/log-usual.ts';
import { LOWER, linesBefore } from '../../protocol/log-words.ts';
import type { Unreadable } from '../source.ts';
import { dateOrderIn, formatOf } from './line-format.ts';
import { LineTimes } from './line-times.ts';
import { type Joined, PartialLines } from './partial-lines.ts';

/** Longer lines are skipped without being buffered. */
export const LINE_BYTES_MAX = 2 * 1024 * 1024;

/** The events of a chunk. Their strings are slices of the chunk's text: to keep one longer, copy it with `ownWord`. */
export type Scanned = {
  events: LoggedEvent[];
  unreadable: Unreadable[];
  looked_at: number;
  /** Number of events whose time is that of their neighbours, because their line has none that is understood. */
  undated: number;
  /** Whether a time without a zone was read, for which no zone was given. */
  without_zone: boolean;
};

export type ScanOptions = LogTimeOptions & {
  /** Offset of the first byte; lines are numbered only if it is 0. */
  offset?: number;
  /** Prefix of line numbers: the file's name, if there are several. */
  place?: string;
  /** Of the scanner that read the lines before the first byte. */
  memory?: ScanMemory;
};

/** What a later line may need of those before it. */
export type ScanMemory = {
  /** Time of the last dated line; null if there is none. */
  last_ms: number | null;
  /** The last lines: a traceback may go on. */
  before: string;
};

export class LineScanner {
  readonly #options: ScanOptions;
  readonly #first: number;
  readonly #times: LineTimes;
  readonly #partial = new PartialLines(LINE_BYTES_MAX);
  /** Of the unfinished line. */
  #half: Buffer[] = [];
  #halfBytes = 0;
  /** The line is too long; skip to its end. */
  #passing = false;
  #offset: number;
  #lines = 0;
  #numericDates = false;
  #before: string;

  constructor({ memory, ...options }: ScanOptions = {}) {
    this.#options = options;
    this.#first = options.offset ?? 0;
    this.#offset = this.#first;
    this.#times = new LineTimes(this.#options, memory?.last_ms ?? null);
    this.#before = memory?.before ?? '';
  }

  /** Offset of the first line that is unfinished, or whose parts are: everything before it has been returned. */
  get offset(): number {
    return Math.min(this.#offset, this.#partial.offset ?? Number.POSITIVE_INFINITY);
  }

  get memory(): ScanMemory {
    return { last_ms: this.#times.last_ms, before: this.#before };
  }

  /** Whether returned events wait for the first dated line, which sets their times. */
  get waits(): boolean {
    return this.#times.waits;
  }

  /** The beginning of the first line without a time. */
  get undatedExample(): string {
    return JSON.stringify(this.#times.example);
  }

  /** Dates like 01/02/2026 that do not show which number is the day. */
  get isAmbiguous(): boolean {
    return this.#numericDates && this.#options.day_first == null;
  }

  /** There is no dated line: the events that wait get the time of the file's last change. */
  giveUpDating(otherwise_ms: number): void {
    this.#times.giveUp(otherwise_ms);
  }

  /** Does not keep the bytes. */
  push(bytes: Buffer): Scanned {
    const chunk = this.#halfBytes === 0 && bytes[0] === 0 ? this.#skipNul(bytes) : bytes;
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end === 0) return this.#keep(chunk, nothing());
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
    const [offset, lines, passing, before] = [this.#offset, this.#lines, this.#passing, this.#before];
    const scanned = this.#withZones(() => this.#scanLines(line));
    [this.#offset, this.#lines, this.#passing, this.#before] = [offset, lines, passing, before];
    this.#half = [line];
    this.#halfBytes = line.length;
    const complete = scanned.events.length > 0 && line.toString('latin1').trimEnd().endsWith('}');
    return { scanned, complete };
  }

  /** At the end of the input, an unfinished line is a line. */
  takeHalf(): Scanned {
    const scanned = nothing();
    if (this.#halfBytes > 0) add(scanned, { ...this.#scan(this.#join(Buffer.alloc(0))), looked_at: 1 });
    for (const line of this.#partial.takeAll())
      add(
        scanned,
        this.#withZones(() => this.#readJoined(line)),
      );
    return scanned;
  }

  /** What copytruncate leaves before the next line of a writer that keeps its offset. */
  #skipNul(bytes: Buffer): Buffer {
    const first = bytes.findIndex((byte) => byte !== 0);
    const nul = first === -1 ? bytes.length : first;
    this.#offset += nul;
    return bytes.subarray(nul);
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
    scanned.unreadable.push({ where: this.#where(this.#lines, this.#offset), why: TOO_LONG });
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
    return this.#withZones(() => this.#scanWhole(bytes));
  }

  #withZones(scan: () => Scanned): Scanned {
    const { value, hasZone } = readZoned(scan);
    value.without_zone = !hasZone && this.#options.zone === undefined;
    return value;
  }

  #scanWhole(bytes: Buffer): Scanned {
    const text = bytes.toString('latin1');
    const format = formatOf(text);
    if (this.#options.day_first == null) {
      const { numeric, day_first } = dateOrderIn(text);
      this.#numericDates ||= numeric;
      this.#options.day_first = day_first;
    }
    const hasBytes = format === 'journald' && BYTES.test(text);
    if (!this.#partial.concerns(text, format)) return this.#scanLines(bytes, text, hasBytes);
    const scanned = nothing();
    let wholes = 0;
    for (let start = 0; start < bytes.length; ) {
      const newline = text.indexOf('\n', start);
      const end = newline === -1 ? text.length : newline + 1;
      const line = bytes.toString('utf8', start, newline === -1 ? end : newline);
      const at = this.#offset + start - wholes;
      const taken = this.#partial.take(line, { offset: at, where: this.#where(this.#lines, at) });
      if (taken !== 'whole') {
        if (wholes < start) add(scanned, this.#scanLines(bytes.subarray(wholes, start)));
        wholes = end;
        this.#offset += end - start;
        this.#lines += 1;
        scanned.looked_at += 1;
        if (taken === 'skipped') scanned.unreadable.push({ where: this.#where(this.#lines, at), why: TOO_LONG });
        else if (taken !== 'held') add(scanned, this.#readJoined(taken));
      }
      start = end;
    }
    if (wholes < bytes.length) add(scanned, this.#scanLines(bytes.subarray(wholes)));
    // A part whose end was lost must not hold back the position for ever.
    if (this.#offset - this.offset > 2 * LINE_BYTES_MAX) {
      for (const line of this.#partial.takeAll()) add(scanned, this.#readJoined(line));
    }
    return scanned;
  }

  #readJoined({ line, where }: Joined): Scanned {
    const scanned = nothing();
    this.#times.begin(line);
    this.#add(parseLogLines(line, this.#options), { start: 0, end: line.length, where }, scanned);
    this.#times.end();
    scanned.undated = this.#times.takeUndated();
    return scanned;
  }

  #scanLines(bytes: Buffer, text = bytes.toString('latin1'), hasBytes = false): Scanned {
    const chunk: Chunk = { bytes, text, ascii: isAscii(bytes), scanned: nothing() };
    const { events } = chunk.scanned;
    let from = 0;
    if (this.#passing) {
      from = text.indexOf('\n') + 1;
      this.#passing = false;
    }
    let lines = 0;
    let counted = 0;
    this.#times.begin(text);
    const after = (words: string, at: number) => indexOf(text, words, at);
    const bytesAfter = (at: number) => (hasBytes ? searchFrom(text, BYTES, at) : text.length);
    const line: LineAt = {
      text,
      start: 0,
      end: 0,
      event: after('JOB_', from),
      next: 0,
      marker: after('TRANSCRIPTION_EVENT', from),
      brace: after('{', from),
      parenthesis: after('(', from),
      escape: after('\u001b', from),
    };
    let bytesAt = bytesAfter(from);
    let lower = after('job_', from);
    for (;;) {
      const hit = Math.min(line.event, line.marker, bytesAt);
      if (hit >= text.length) break;
      // In a log of our lines only, the next begins where the last one ended.
      line.start = from;
      line.end = after('\n', from);
      if (line.end < hit) {
        line.start = text.lastIndexOf('\n', hit) + 1;
        line.end = after('\n', hit);
        if (lower < from) lower = after('job_', from);
        if (lower < line.start) this.#readLower(chunk, { from, stop: line.start, lines });
      }
      if (counted < line.start) lines += countLines(text, counted, line.start);
      if (line.brace < line.start) line.brace = after('{', line.start);
      if (line.parenthesis < line.start) line.parenthesis = after('(', line.start);
      if (line.escape < line.start) line.escape = after('\u001b', line.start);
      line.next = line.event < line.end ? after('JOB_', line.event + 4) : line.event;
      const usual = line.event < line.end ? readUsual(line, this.#options) : null;
      if (usual !== null) {
        events.push(usual);
        this.#times.take(usual, line.start, line.end);
      } else this.#readOther(chunk, { start: line.start, end: line.end, lines });
      from = line.end + 1;
      if (from <= text.length) lines += 1;
      counted = from;
      if (line.event < from) line.event = line.next < from ? after('JOB_', from) : line.next;
      if (line.marker < from) line.marker = after('TRANSCRIPTION_EVENT', from);
      if (bytesAt < from) bytesAt = bytesAfter(from);
    }
    if (lower < from) lower = after('job_', from);
    if (lower < text.length) this.#readLower(chunk, { from, stop: text.length, lines });
    lines += countLines(text, counted, text.length);
    this.#times.end();
    const end = bytes.subarray(-BEFORE_CHARS).toString('latin1');
    this.#before = end.length < BEFORE_CHARS ? (this.#before + end).slice(-BEFORE_CHARS) : end;
    this.#lines += lines;
    this.#offset += bytes.length;
    chunk.scanned.looked_at = lines;
    chunk.scanned.undated = this.#times.takeUndated();
    return chunk.scanned;
  }

  /** Lines with keywords in lower case, which are searched only between those with our usual ones. */
  #readLower(chunk: Chunk, { from, stop, lines }: { from: number; stop: number; lines: number }): void {
    const gap = chunk.text.slice(from, stop);
    let counted = lines;
    for (let at = searchFrom(gap, LOWER, 0), start = 0; at < gap.length; at = searchFrom(gap, LOWER, start)) {
      counted += countLines(gap, start, at);
      start = gap.lastIndexOf('\n', at) + 1;
      const newline = gap.indexOf('\n', at);
      const end = newline === -1 ? gap.length : newline;
      this.#readOther(chunk, { start: from + start, end: from + end, lines: counted });
      start = end;
    }
  }

  /** The general reader; only here is a line decoded as UTF-8. */
  #readOther(
    { bytes, text, ascii, scanned }: Chunk,
    { start, end, lines }: { start: number; end: number; lines: number },
  ): void {
    const line = bytes.toString(ascii ? 'latin1' : 'utf8', start, end);
    const before = linesBefore(text.slice(start, end), () => this.#linesBefore(text, start));
    const found = parseLogLines(line, this.#options, before);
    if (found.length === 0) return;
    this.#add(found, { start, end, where: this.#where(this.#lines + lines, this.#offset + start) }, scanned);
  }

  #linesBefore(text: string, start: number): string {
    const here = text.slice(Math.max(0, start - BEFORE_CHARS), start);
    return start < BEFORE_CHARS ? this.#before + here : here;
  }

  #add(
    found: ReturnType<typeof parseLogLines>,
    { start, end, where }: { start: number; end: number; where: string },
    { events, unreadable }: Scanned,
  ): void {
    for (const one of found) {
      if ('why' in one) unreadable.push({ where, why: one.why });
      else {
        events.push(one);
        this.#times.take(one, start, end);
      }
    }
  }

  #where(lines: number, offset: number): string {
    const { place } = this.#options;
    const line = this.#first === 0 ? `line ${lines + 1}` : `byte ${offset}`;
    return place === undefined ? line : `${place}, ${line}`;
  }
}

/** `ascii`: the bytes are the characters. */
type Chunk = { bytes: Buffer; text: string; ascii: boolean; scanned: Scanned };

const nothing = (): Scanned => ({ events: [], unreadable: [], looked_at: 0, undated: 0, without_zone: false });

function add(all: Scanned, { events, unreadable, looked_at, undated, without_zone }: Scanned): void {
  for (const event of events) all.events.push(event);
  all.unreadable.push(...unreadable);
  all.looked_at += looked_at;
  all.undated += undated;
  all.without_zone ||= without_zone;
}

const NEWLINE = 10;
const BEFORE_CHARS = 2000;
const TOO_LONG = `longer than ${LINE_BYTES_MAX / 1024 / 1024} MiB: skipped`;
/** journald's message, if it has a colour or is no UTF-8. */
const BYTES = /"MESSAGE" ?: ?\[/g;

/** The text's end if there is none. */
function searchFrom(text: string, pattern: RegExp, from: number): number {
  pattern.lastIndex = from;
  return pattern.exec(text)?.index ?? text.length;
}

/** The text's end if there is none: an index that is always a small integer makes the loop a tenth faster. */
function indexOf(text: string, words: string, from: number): number {
  const at = text.indexOf(words, from);
  return at === -1 ? text.length : at;
}

function countLines(text: string, from: number, to: number): number {
  let lines = 0;
  for (let at = indexOf(text, '\n', from); at < to; at = indexOf(text, '\n', at + 1)) lines += 1;
  return lines;
}
