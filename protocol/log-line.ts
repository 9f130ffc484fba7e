/**
 * Job events in a worker's log, in two forms: `TRANSCRIPTION_EVENT {json}` and `JOB_START job_id=… worker_id=…`. Writer
 * and reader share this format, so lines read back as they were written. The reader finds them anywhere in a line:
 * after the prefix of any logger, or as the text of a JSON log (log-wrapping.ts). It takes what people and loggers make of
 * the two forms (log-fields.ts, log-literal.ts): a field that it cannot read is null, and the event still counts.
 */
import { lenientNumber, lenientPercentage, lenientSeconds, lenientText, lenientWorkerId } from './lenient-values.ts';
import { COUNT_MAX } from './limits.ts';
import { fieldNamed, logfmtFields, plainFieldsAt } from './log-fields.ts';
import { LOG_EVENTS } from './log-format.ts';
import { objectAt } from './log-literal.ts';
import { inZoneOf, type LogTimeOptions, readZoned, timeInPrefix, timeOf } from './log-time.ts';
import {
  eventNamed,
  followsFrame,
  isSource,
  type Keyword,
  keywordFrom,
  type LogEventName,
  linesBefore,
  nextEventAt,
} from './log-words.ts';
import { unwrapLine } from './log-wrapping.ts';
import { reportedId } from './reported-id.ts';

export { type EventToLog, formatLogLine, formatPlainLine } from './log-format.ts';
export type { LogEventName };

/** Null: not in the line. Units as in `LogEvent`. */
export type LoggedEvent = {
  event: LogEventName;
  job_id: string;
  /** The name in the line, if it is not an id. */
  reported_id?: string;
  worker_id: string | null;
  /** The event's own time, or that of the line's prefix. */
  timestamp_ms: number | null;
  percentage: number | null;
  /** Upper case. */
  stage: string | null;
  current_chunk: number | null;
  total_chunks: number | null;
  eta_seconds: number | null;
  audio_duration: number | null;
  duration: number | null;
  segments: number | null;
  s3_path: string | null;
  error: string | null;
};

/** One of our lines, but malformed or cut. */
export type UnreadableLine = { why: string };

/** null: not one of our lines. */
export type ParsedLine = LoggedEvent | UnreadableLine | null;

/** Reads the first event of a line. Never throws. `readUsual` is a faster path for most lines. */
export function parseLogLine(text: string, options: LogTimeOptions = {}): ParsedLine {
  return parseLogLines(text, options)[0] ?? null;
}

/**
 * Every event in a text without its last line break: usually one; two if processes write to one file without a lock.
 * `before`: the lines before it, if the text is indented (see linesBefore), since it may be the source that a traceback quotes.
 */
export function parseLogLines(
  text: string,
  options: LogTimeOptions = {},
  before = '',
): (LoggedEvent | UnreadableLine)[] {
  return readText(text, { options, depth: 0, before });
}

type Found = LoggedEvent | UnreadableLine;
type Context = { options: LogTimeOptions; depth: number; before: string };

class Malformed extends Error {}

/** How deeply loggers nest lines within lines, at most. */
const WRAPPINGS_MAX = 3;

function readText(line: string, context: Context): Found[] {
  const { options, depth } = context;
  const text = line.includes('\u001b') ? line.replace(ANSI, '') : line;
  const keyword = keywordFrom(text, 0);
  const wrapped = depth < WRAPPINGS_MAX ? unwrapLine(text, keyword?.index ?? -1) : null;
  if (wrapped !== null) {
    // A line of a string that a traceback quotes looks like JSON.
    if (followsFrame(context.before)) return [];
    return wrapped.flatMap((inner): Found[] => {
      if ('why' in inner) return [inner];
      const time = readZoned(
        () => (inner.time === null ? null : timeOf(inner.time, options)) ?? timeInPrefix(text, text.length, options),
      );
      const { value: found, hasZone } = readZoned(() =>
        inner.event !== null
          ? [reading(() => eventOf(inner.event!, options))]
          : readText(inner.text, { options, depth: depth + 1, before: '' }),
      );
      for (const event of found) if ('event' in event) settle(event, { hasZone }, time, options);
      return found;
    });
  }
  if (keyword === null) return [];
  if (!text.includes('\n')) return readLine(text, keyword, context);
  const found: Found[] = [];
  for (let start = 0; start <= text.length; ) {
    const end = text.indexOf('\n', start);
    const one = text.slice(start, end === -1 ? text.length : end);
    const before = linesBefore(one, () => text.slice(Math.max(0, start - BEFORE_CHARS), start));
    found.push(...readText(one, { options, depth, before }));
    start = end === -1 ? text.length + 1 : end + 1;
  }
  return found;
}

const BEFORE_CHARS = 2000;
/** Of a line; each may have to be searched to its end. */
const KEYWORDS_MAX = 1000;

function readLine(text: string, first: Keyword, { options, before }: Context): Found[] {
  const found: Found[] = [];
  let prefix = 0;
  let line_ms: number | null = null;
  let tries = 0;
  for (let keyword: Keyword | null = first; keyword !== null; tries += 1) {
    if (tries === KEYWORDS_MAX) {
      found.push({ why: `more than ${KEYWORDS_MAX} keywords on one line: the rest is skipped` });
      break;
    }
    const quoted = isSource(text, keyword, before);
    const { value: read, hasZone } = readZoned((): Read | null =>
      quoted ? null : readAt(text, keyword!, { options, prefix }),
    );
    const from: number = quoted ? nextEventAt(text, keyword.end, true) : (read?.end ?? keyword.end);
    if (read !== null) {
      const { event } = read;
      if ('event' in event) {
        if (event.timestamp_ms === null || (!hasZone && options.zone === undefined)) {
          const { index } = keyword;
          settle(
            event,
            { hasZone },
            readZoned(() => timeInPrefix(text, index, options, prefix)),
            options,
          );
        }
        event.timestamp_ms ??= line_ms;
        line_ms ??= event.timestamp_ms;
      }
      found.push(event);
      prefix = from;
    }
    keyword = keywordFrom(text, from);
  }
  return found;
}

/** The event's own time, otherwise that of what surrounds it, which may also show the zone of the first. */
function settle(
  event: LoggedEvent,
  { hasZone }: { hasZone: boolean },
  around: { value: number | null; hasZone: boolean },
  { zone }: LogTimeOptions,
): void {
  if (event.timestamp_ms === null) event.timestamp_ms = around.value;
  else if (!hasZone && zone === undefined && around.hasZone && around.value !== null) {
    event.timestamp_ms = inZoneOf(event.timestamp_ms, around.value);
  }
}

type Read = { event: Found; end: number };

/** Null if the keyword is only mentioned. */
function readAt(
  text: string,
  keyword: Keyword,
  { options, prefix }: { options: LogTimeOptions; prefix: number },
): Read | null {
  const { event, end } = keyword;
  OBJECT_AHEAD.lastIndex = end;
  if (OBJECT_AHEAD.test(text)) {
    const object = objectAt(text, OBJECT_AHEAD.lastIndex - 1);
    // `JOB_FAILED {…}`: the object of a logger that prints fields as JSON.
    if (event !== null && object !== null && idIn(object.value) === undefined) return null;
    if (event !== null && object === null) return null;
    if (object === null) return { event: { why: CUT_JSON }, end: nextEventAt(text, end, true) };
    const fields = event === null ? object.value : { ...object.value, event };
    return { event: reading(() => eventOf(fields, options)), end: object.end };
  }
  if (event === null) return endsWith(text, end) ? { event: { why: CUT_JSON }, end } : null;
  const more = keywordFrom(text, end) !== null;
  const stopAt = (from: number, inError: boolean) => (more ? nextEventAt(text, from, inError) : text.length);
  if (IS_VALUE.test(text.slice(Math.max(prefix, keyword.index - 20), keyword.index))) {
    const stop = stopAt(end, false);
    const fields = logfmtFields(text, prefix, stop);
    if (idIn(fields) !== undefined) return { event: reading(() => eventOf({ ...fields, event }, options)), end: stop };
  }
  const plain = plainFieldsAt(text, end, stopAt);
  if (plain === null) return CUT.test(text.slice(end)) ? { event: { why: `${event} without a job_id` }, end } : null;
  const { fields } = plain;
  // Other systems have such words: Slurm writes `job_complete: JobId=5`.
  if (text[keyword.index] === 'j' && !text.includes('job_id', end)) return null;
  const isOurs = Object.keys(fields).some((name) => fieldNamed(name) !== undefined);
  return isOurs ? { event: reading(() => eventOf({ ...fields, event }, options)), end: plain.end } : null;
}

const CUT_JSON = 'its JSON is cut or malformed';
const endsWith = (text: string, end: number): boolean => text.slice(end).trim() === '';

function reading(read: () => LoggedEvent): Found {
  try {
    return read();
  } catch (error) {
    if (error instanceof Malformed) return { why: error.message };
    throw error;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colour sequences begin with one.
const ANSI = /\u001b\[[\d;:?]*[A-Za-z]|\u001b\]8;[^\u0007\u001b]*(?:\u0007|\u001b\\)/g;
const OBJECT_AHEAD = /["'`]?[\s:=,|-]*\{(?=\s*(?:["'}]|[a-z_]+:|$))/y;
/** `msg=JOB_FAILED`, `event='JOB_FAILED'`. */
const IS_VALUE = /(?<![\w.-])(?:msg|message|event|event_name|name|type)=["']?$/;
/** A keyword alone is prose; the beginning of `job_id=` makes it a cut line. */
const CUT = /^[ :]+(?:j(?:ob?)?|job_i?d?)?$/;

function eventOf(given: Record<string, unknown>, options: LogTimeOptions): LoggedEvent {
  const fields = ownFields(given);
  const event = eventNamed(fields.event);
  if (event === undefined) throw new Malformed(`event is ${show(fields.event)}, not one of ${LOG_EVENTS.join(', ')}`);
  if (fields.job_id === undefined || fields.job_id === null) throw new Malformed(`${event} without a job_id`);
  const id = reportedId(fields.job_id);
  if (id === null) throw new Malformed(`job_id is ${show(fields.job_id)}, which cannot name a job`);
  const stage = textIn(fields, 'stage', 40)?.toUpperCase() ?? null;
  if (event === 'JOB_PROGRESS' && fields.percentage === undefined && stage === null) {
    throw new Malformed('JOB_PROGRESS without a percentage');
  }
  return {
    event,
    job_id: id.job_id,
    ...(id.reported_id === undefined ? {} : { reported_id: id.reported_id }),
    worker_id: lenientWorkerId(fields.worker_id),
    timestamp_ms: timeOf(fields.timestamp, options),
    percentage: lenientPercentage(fields.percentage),
    stage,
    current_chunk: countIn(fields, 'current_chunk'),
    total_chunks: countIn(fields, 'total_chunks'),
    eta_seconds: lenientSeconds(fields.eta_seconds),
    audio_duration: lenientSeconds(fields.audio_duration),
    duration: lenientSeconds(fields.duration),
    segments: countIn(fields, 'segments'),
    s3_path: textIn(fields, 's3_path', 2048),
    error: textIn(fields, 'error', 4000),
  };
}

/** Our fields by their names, whatever the style of the keys. */
function ownFields(given: Record<string, unknown>): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const key of Object.keys(given)) {
    const name = fieldNamed(key);
    if (name !== undefined && (name === key || fields[name] === undefined)) fields[name] = given[key];
  }
  return fields;
}

const idIn = (fields: Record<string, unknown>): unknown => ownFields(fields).job_id;

function countIn(fields: Record<string, unknown>, name: string): number | null {
  const number = lenientNumber(fields[name], COUNT_MAX);
  return number === null ? null : Math.round(number);
}

function textIn(fields: Record<string, unknown>, name: string, lengthMax: number): string | null {
  const value = fields[name];
  if (value === undefined || value === null) return null;
  const { message } = value as { message?: unknown };
  // An error as an object, as pino and winston print it.
  const text = typeof value === 'object' && typeof message === 'string' ? message : value;
  return lenientText(typeof text === 'string' ? text : JSON.stringify(text), lengthMax);
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
