/**
 * A hand-written reader for the exact lines that reporters print; takes a third of the time of the general one
 * (log-line.ts), which gets every other line: another order of fields, an extra field, a quote, an accent.
 */
import { SECONDS_MAX } from './limits.ts';
import { LOG_EVENTS } from './log-format.ts';
import type { LogEventName, LoggedEvent } from './log-line.ts';
import { inZoneOf, type LogTimeOptions, logTimeAt, timeInPrefix, withoutZone } from './log-time.ts';
import { isInCall } from './log-words.ts';

/** A line by its position in a larger text: nothing is copied until it is known to be a usual line. */
export type LineAt = {
  text: string;
  start: number;
  /** Index of its line break. */
  end: number;
  /** Index of the first `JOB_`, TRANSCRIPTION_EVENT, brace, parenthesis and escape character; the text's end if there is none. */
  event: number;
  /** Index of the `JOB_` after that. */
  next: number;
  marker: number;
  brace: number;
  parenthesis: number;
  escape: number;
};

/** Returns null for any other line. The strings are slices of the text and keep all of it in memory. */
export function readUsual(line: LineAt, options: LogTimeOptions): LoggedEvent | null {
  const { text, start, end, event, marker, brace } = line;
  const name = EVENT_BY_LETTER[text.charCodeAt(event + 4) - LETTER_A];
  if (name === undefined || line.escape < end || line.next < end || !text.startsWith(name, event)) return null;
  const json = marker < event;
  // A brace or quote before the keyword may be enclosing JSON, and a letter makes it another word.
  if (json ? brace !== marker + 20 : brace < end) return null;
  const first = json ? marker : event;
  if (first > start) {
    const opens = text.charCodeAt(start);
    // A traceback is indented, and a row of the aws command begins with EVENTS.
    if (opens <= SPACE || opens === QUOTE || (opens === LETTER_E && text.startsWith('EVENTS\t', start))) return null;
    if (isPartOfMore(text.charCodeAt(first - 1))) return null;
    if (line.parenthesis < first && isInCall(text, start, first)) return null;
  }
  const parsed = json ? readJson(line, name, options) : readPlain(line, name, options);
  return parsed?.event === 'JOB_PROGRESS' && parsed.percentage === null && parsed.stage === null ? null : parsed;
}

function readPlain(line: LineAt, name: LogEventName, options: LogTimeOptions): LoggedEvent | null {
  const { text, start, end, event } = line;
  const head = event + name.length;
  if (!text.startsWith(' job_id=', head)) return null;
  const id = head + 8;
  let at = idEnd(text, id);
  if (at === -1 || isNothing(text, id, at)) return null;
  const parsed = eventOf(name, text.slice(id, at));
  while (text.charCodeAt(at) === SPACE && isWordPart(text.charCodeAt(at + 1))) {
    const field = at + 1;
    const fieldStop = nameEnd(text, field);
    if (text.charCodeAt(fieldStop) !== EQUALS) return null;
    const value = fieldStop + 1;
    if (text.startsWith('error=', field)) {
      const stop = trimmedEnd(text, value, end);
      const opens = text.charCodeAt(value);
      if (opens === SPACE || opens === QUOTE || opens === APOSTROPHE) return null;
      if (text.charCodeAt(stop - 1) === APOSTROPHE || printableEnd(text, value, stop) !== stop) return null;
      if (!setText(parsed, text, { field, fieldStop, value, stop })) return null;
      at = end;
      break;
    }
    if (isDigit(text.charCodeAt(value)) && !text.startsWith('worker_id', field) && !text.startsWith('stage', field)) {
      at = numberEnd(text, value);
      if (!setNumber(parsed, text, { field, fieldStop, value, stop: at })) return null;
    } else {
      at = idEnd(text, value);
      if (at === -1 || isNothing(text, value, at)) return null;
      if (fieldStop - field === 9 && text.startsWith('worker_id', field)) {
        if (parsed.worker_id !== null) return null;
        parsed.worker_id = text.slice(value, at);
      } else if (!text.startsWith('stage=', field) || !setText(parsed, text, { field, fieldStop, value, stop: at }))
        return null;
    }
  }
  if (!isBlank(text, at, end)) return null;
  parsed.timestamp_ms = timeInPrefix(text, event, options, start);
  return parsed;
}

function readJson(line: LineAt, name: LogEventName, options: LogTimeOptions): LoggedEvent | null {
  const { text, end, event, marker } = line;
  const head = event + name.length;
  if (event !== marker + 31 || !text.startsWith(' {"event": "', marker + 19)) return null;
  if (!text.startsWith('", "job_id": "', head)) return null;
  const id = head + 14;
  const idStop = idEnd(text, id);
  if (idStop === -1 || !text.startsWith('", "worker_id": "', idStop)) return null;
  const worker = idStop + 17;
  const workerStop = idEnd(text, worker);
  if (workerStop === -1 || !text.startsWith('", "timestamp": "', workerStop)) return null;
  const time = workerStop + 17;
  const before = withoutZone.seen;
  withoutZone.seen = false;
  let time_ms = logTimeAt(text, time, options.zone);
  if (withoutZone.seen && options.zone === undefined && marker > line.start) {
    withoutZone.seen = false;
    const prefix_ms = timeInPrefix(text, marker, options, line.start);
    if (prefix_ms !== null && !withoutZone.seen) time_ms = inZoneOf(time_ms, prefix_ms);
    withoutZone.seen = true;
  }
  withoutZone.seen ||= before;
  const timeStop = printableEnd(text, time, end);
  if (Number.isNaN(time_ms) || text.charCodeAt(timeStop) !== QUOTE) return null;
  const parsed = eventOf(name, text.slice(id, idStop));
  parsed.worker_id = text.slice(worker, workerStop);
  parsed.timestamp_ms = time_ms;
  let at = timeStop + 1;
  while (text.charCodeAt(at) !== CLOSES) {
    if (!text.startsWith(', "', at)) return null;
    const field = at + 3;
    const fieldStop = nameEnd(text, field);
    if (!text.startsWith('": ', fieldStop)) return null;
    const quoted = text.charCodeAt(fieldStop + 3) === QUOTE;
    const value = fieldStop + (quoted ? 4 : 3);
    const stop = quoted ? printableEnd(text, value, end) : numberEnd(text, value);
    if (quoted && text.charCodeAt(stop) !== QUOTE) return null;
    const where = { field, fieldStop, value, stop };
    if (!(quoted ? setText(parsed, text, where) : setNumber(parsed, text, where))) return null;
    at = quoted ? stop + 1 : stop;
  }
  return isBlank(text, at + 1, end) ? parsed : null;
}

type Field = { field: number; fieldStop: number; value: number; stop: number };

/** Returns false for an unknown field, one that is there twice, or a malformed value. */
function setNumber(parsed: LoggedEvent, text: string, { field, fieldStop, value, stop }: Field): boolean {
  if (stop === value) return false;
  const number = numberIn(text, value, stop);
  if (number > SECONDS_MAX) return false;
  switch (fieldStop - field) {
    case 8:
      if (parsed.duration === null && text.startsWith('duration', field)) parsed.duration = number;
      else if (parsed.segments === null && text.startsWith('segments', field)) parsed.segments = Math.round(number);
      else return false;
      return true;
    case 10:
      if (parsed.percentage !== null || number > 100 || !text.startsWith('percentage', field)) return false;
      parsed.percentage = number;
      return true;
    case 14:
      if (parsed.audio_duration !== null || !text.startsWith('audio_duration', field)) return false;
      parsed.audio_duration = number;
      return true;
  }
  return false;
}

function setText(parsed: LoggedEvent, text: string, { field, fieldStop, value, stop }: Field): boolean {
  const length = stop - value;
  if (length <= 0) return false;
  switch (fieldStop - field) {
    case 5:
      if (text.startsWith('stage', field)) {
        if (length > 40 || parsed.stage !== null) return false;
        parsed.stage = upperCase(text.slice(value, stop));
      } else if (text.startsWith('error', field)) {
        if (length > 4000 || parsed.error !== null) return false;
        parsed.error = text.slice(value, stop);
      } else return false;
      return true;
    case 7:
      if (length > 2048 || parsed.s3_path !== null || !text.startsWith('s3_path', field)) return false;
      parsed.s3_path = text.slice(value, stop);
      return true;
  }
  return false;
}

/** Cached, because the same few stages repeat. */
function upperCase(stage: string): string {
  if (stage !== last.stage) last = { stage, upper: stage.toUpperCase() };
  return last.upper;
}
let last = { stage: '', upper: '' };

function eventOf(event: LogEventName, job_id: string): LoggedEvent {
  return {
    event,
    job_id,
    worker_id: null,
    timestamp_ms: null,
    percentage: null,
    stage: null,
    current_chunk: null,
    total_chunks: null,
    eta_seconds: null,
    audio_duration: null,
    duration: null,
    segments: null,
    s3_path: null,
    error: null,
  };
}

/** The end of the id that begins at `start`; -1 if none does. */
function idEnd(text: string, start: number): number {
  let end = start;
  while (isIdPart(text.charCodeAt(end))) end += 1;
  const first = text.charCodeAt(start);
  return end === start || end - start > 64 || first === HYPHEN || first === UNDERSCORE ? -1 : end;
}

function nameEnd(text: string, start: number): number {
  let end = start;
  while (isWordPart(text.charCodeAt(end))) end += 1;
  return end;
}

/** The null of Python and of JSON. */
function isNothing(text: string, start: number, stop: number): boolean {
  return stop - start === 4 && (text.startsWith('None', start) || text.startsWith('null', start));
}

/** The end of a number that JSON, Python and we print alike; `start` if there is none. */
function numberEnd(text: string, start: number): number {
  let end = start;
  while (isDigit(text.charCodeAt(end))) end += 1;
  if (end === start || end - start > 15 || (end - start > 1 && text.charCodeAt(start) === ZERO)) return start;
  if (text.charCodeAt(end) !== POINT) return end;
  const point = end;
  end += 1;
  while (isDigit(text.charCodeAt(end))) end += 1;
  return end === point + 1 ? start : end;
}

/** Whole numbers, the common case, without allocating a string. */
function numberIn(text: string, start: number, stop: number): number {
  let number = 0;
  for (let at = start; at < stop; at += 1) {
    const code = text.charCodeAt(at);
    if (code === POINT) return Number(text.slice(start, stop));
    number = number * 10 + code - ZERO;
  }
  return number;
}

/** The first character that is not ASCII or that JSON escapes: a quote, a backslash, a control character. */
function printableEnd(text: string, start: number, end: number): number {
  let at = start;
  for (; at < end; at += 1) {
    const code = text.charCodeAt(at);
    if (code < SPACE || code > TILDE || code === QUOTE || code === BACKSLASH) break;
  }
  return at;
}

function trimmedEnd(text: string, start: number, end: number): number {
  let stop = end;
  while (stop > start && text.charCodeAt(stop - 1) <= SPACE) stop -= 1;
  return stop;
}

function isBlank(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if (text.charCodeAt(at) > SPACE) return false;
  return true;
}

const isDigit = (code: number): boolean => code >= ZERO && code <= 57;
const isWordPart = (code: number): boolean => KINDS[code] === WORD;
/** Of another word, of program text, or of a pair: `msg=JOB_FAILED`. */
const isPartOfMore = (code: number): boolean =>
  isWordPart(code) || code === QUOTE || code === APOSTROPHE || code === BACKTICK || code === EQUALS;
const isIdPart = (code: number): boolean => KINDS[code]! >= ID;

const SPACE = 32;
const QUOTE = 34;
const APOSTROPHE = 39;
const HYPHEN = 45;
const POINT = 46;
const ZERO = 48;
const EQUALS = 61;
const LETTER_A = 65;
const LETTER_E = 69;
const BACKSLASH = 92;
const UNDERSCORE = 95;
const BACKTICK = 96;
const CLOSES = 125;
const TILDE = 126;

/** By character code, because most characters of a line are looked at: part of a word, or only of an id. */
const ID = 1;
const WORD = 2;
const KINDS = new Uint8Array(256);
for (const [kind, characters] of [
  [ID, '-'],
  [WORD, 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_'],
] as const) {
  for (const character of characters) KINDS[character.charCodeAt(0)] = kind;
}

/** Keyed by the letter after `JOB_`. */
const EVENT_BY_LETTER: (LogEventName | undefined)[] = [];
for (const name of LOG_EVENTS) EVENT_BY_LETTER[name.charCodeAt(4) - LETTER_A] = name;
