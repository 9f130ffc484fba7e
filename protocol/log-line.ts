/**
 * Job events in a worker's log, in two forms: `TRANSCRIPTION_EVENT {json}` and `JOB_START job_id=… worker_id=…`. Writer
 * and reader share this format, so lines read back as they were written. The reader finds them anywhere in a line:
 * after the prefix of any logger, or as the text of a JSON log (log-wrapping.ts).
 */
import { isId } from './id-pattern.ts';
import { COUNT_MAX, SECONDS_MAX } from './limits.ts';
import { LOG_EVENTS } from './log-format.ts';
import { epochTime, type LogTimeOptions, logTimeAt, timeInPrefix } from './log-time.ts';
import { objectEnd, unwrapLine } from './log-wrapping.ts';

export { type EventToLog, formatLogLine, formatPlainLine } from './log-format.ts';

export type LogEventName = (typeof LOG_EVENTS)[number];

/** Null: not in the line. Units as in `LogEvent`. */
export type LoggedEvent = {
  event: LogEventName;
  job_id: string;
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

/** `why`: one of our lines, but malformed or cut. null: not one of our lines. */
export type ParsedLine = LoggedEvent | { why: string } | null;

/** Reads one line without its line break. Never throws. `readUsual` is a faster path for most lines. */
export function parseLogLine(text: string, options: LogTimeOptions = {}): ParsedLine {
  try {
    return readLine(text, options, 0);
  } catch (error) {
    if (error instanceof Malformed) return { why: error.message };
    throw error;
  }
}

class Malformed extends Error {}

/** How deeply loggers nest lines within lines, at most. */
const WRAPPINGS_MAX = 3;

function readLine(line: string, options: LogTimeOptions, depth: number): ParsedLine {
  const text = line.includes('\u001b') ? line.replace(ANSI, '') : line;
  const marker = markerIn(text);
  const wrapped = depth < WRAPPINGS_MAX ? unwrapLine(text, marker?.index ?? -1) : null;
  if (wrapped !== null) {
    if ('why' in wrapped) return wrapped;
    const time = wrapped.time === null ? null : timeOf(wrapped.time, options);
    if (wrapped.event !== null) return eventOf(wrapped.event, time, options);
    const event = readLine(wrapped.text, options, depth + 1);
    if (event !== null && 'job_id' in event) event.timestamp_ms ??= time ?? timeInPrefix(text, text.length, options);
    return event;
  }
  if (marker === null) return null;
  const after = marker.index + marker[0].length;
  const event = marker[1] === undefined ? readJson(text, after, options) : readPlain(text, marker[1], after, options);
  event.timestamp_ms ??= timeInPrefix(text, marker.index, options);
  return event;
}

/** Tested from the first of our keywords on: the runtime's own string search is much faster than the pattern. */
function markerIn(text: string): RegExpExecArray | null {
  const plain = text.indexOf('JOB_');
  const json = text.indexOf('TRANSCRIPTION_EVENT');
  if (plain === -1 && json === -1) return null;
  MARKER.lastIndex = plain === -1 || (json !== -1 && json < plain) ? json : plain;
  return MARKER.exec(text);
}

/** A keyword alone is prose; what follows makes it one of our lines, or a cut one. */
const MARKER =
  /(?<!\w)(?:TRANSCRIPTION_EVENT(?:[ :]*(?=\{)|\s*$)|(JOB_(?:START|PROGRESS|COMPLETE|FAILED))[ :]+(?:(?=job_id=)|(?:j(?:ob?)?|job_i?d?)?$))/g;

// biome-ignore lint/suspicious/noControlCharactersInRegex: colour sequences begin with one.
const ANSI = /\u001b\[[\d;]*m/g;

function readJson(text: string, start: number, options: LogTimeOptions): LoggedEvent {
  const object = objectAt(text, start);
  if (object === null) throw new Malformed('its JSON is cut or malformed');
  return eventOf(object, null, options);
}

/** The object that begins at `start`, ignoring what follows it. */
function objectAt(text: string, start: number): Record<string, unknown> | null {
  const whole = parseObject(text.slice(start).trimEnd());
  if (whole !== null) return whole;
  const end = objectEnd(text, start);
  return end === -1 ? null : parseObject(text.slice(start, end));
}

function parseObject(text: string): Record<string, unknown> | null {
  if (!text.endsWith('}')) return null;
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {}
  try {
    return JSON.parse(text.replace(NO_NUMBER, ': null')) as Record<string, unknown>;
  } catch {
    return null;
  }
}

/** Numbers that Python writes and JSON lacks. */
const NO_NUMBER = /: ?(?:NaN|-?Infinity)(?=[,}])/g;

function readPlain(text: string, event: string, start: number, options: LogTimeOptions): LoggedEvent {
  const fields: Record<string, unknown> = { event };
  PAIR.lastIndex = start;
  for (let pair = PAIR.exec(text); pair !== null; pair = PAIR.exec(text)) {
    const [, name = '', value = ''] = pair;
    if (name === 'error') {
      fields.error = errorIn(text.slice(PAIR.lastIndex - value.length));
      break;
    }
    fields[name] = plainValue(value);
  }
  return eventOf(fields, null, options);
}

const PAIR = /\s*([A-Za-z_]\w*)=("(?:[^"\\]|\\.)*"(?=[\s,;]|$)|\S*)/y;

function errorIn(rest: string): string {
  const text = rest.trimEnd();
  if (!text.startsWith('"') || !text.endsWith('"')) return text;
  try {
    return JSON.parse(text) as string;
  } catch {
    return text;
  }
}

function plainValue(text: string): string | null {
  const bare = /[,;"']$/.test(text) ? text.replace(/[,;]$/, '').replace(/^(["'])(.*)\1$/, '$2') : text;
  return bare === '' || bare === 'None' || bare === 'null' ? null : bare;
}

function eventOf(fields: Record<string, unknown>, time_ms: number | null, options: LogTimeOptions): LoggedEvent {
  const { event, job_id } = fields;
  if (!isLogEvent(event)) throw new Malformed(`event is ${show(event)}, not one of ${LOG_EVENTS.join(', ')}`);
  if (job_id === undefined || job_id === null) throw new Malformed(`${event} without a job_id`);
  const jobId = String(job_id);
  if (!isId(jobId)) throw new Malformed(`job_id ${show(job_id)}: an id is letters, digits, _ and -, at most 64`);
  const percentage = numberIn(fields, 'percentage', 100);
  const stage = textIn(fields, 'stage', 40)?.toUpperCase() ?? null;
  if (event === 'JOB_PROGRESS' && percentage === null && stage === null) {
    throw new Malformed('JOB_PROGRESS without a percentage');
  }
  return {
    event,
    job_id: jobId,
    worker_id: workerIn(fields.worker_id),
    timestamp_ms: timeOf(fields.timestamp, options) ?? time_ms,
    percentage,
    stage,
    current_chunk: countIn(fields, 'current_chunk'),
    total_chunks: countIn(fields, 'total_chunks'),
    eta_seconds: numberIn(fields, 'eta_seconds'),
    audio_duration: numberIn(fields, 'audio_duration'),
    duration: numberIn(fields, 'duration'),
    segments: countIn(fields, 'segments'),
    s3_path: textIn(fields, 's3_path', 2048),
    error: textIn(fields, 'error', 4000),
  };
}

function isLogEvent(value: unknown): value is LogEventName {
  return (LOG_EVENTS as readonly unknown[]).includes(value);
}

/** A host name serves as a worker id: each character that an id can't have becomes a hyphen. */
function workerIn(value: unknown): string | null {
  if (value === undefined || value === null || value === '') return null;
  const text = String(value);
  if (isId(text)) return text;
  const name = text.replace(/^[^A-Za-z0-9]+/, '').replace(/[^A-Za-z0-9_-]/g, '-');
  return name === '' ? null : name.slice(0, 64);
}

function numberIn(fields: Record<string, unknown>, name: string, maximum = SECONDS_MAX): number | null {
  const value = fields[name];
  if (value === undefined || value === null) return null;
  const number = typeof value === 'string' ? numberOf(value) : value;
  if (typeof number === 'number' && number >= 0 && number <= maximum) return number;
  throw new Malformed(`${name} is ${show(value)}, not a number from 0 to ${maximum}`);
}

function countIn(fields: Record<string, unknown>, name: string): number | null {
  const number = numberIn(fields, name, COUNT_MAX);
  return number === null ? null : Math.round(number);
}

/** `45`, `45%`, `1200s`, and a timedelta's `0:20:00.5`. */
function numberOf(text: string): number {
  const [, hours, minutes, seconds] = /^(\d+):(\d\d):(\d\d(?:\.\d+)?)$/.exec(text) ?? [];
  if (hours !== undefined) return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  const number = text.replace(/[%s]$/, '');
  return number === '' ? Number.NaN : Number(number);
}

function textIn(fields: Record<string, unknown>, name: string, lengthMax: number): string | null {
  const value = fields[name];
  if (value === undefined || value === null || value === '') return null;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > lengthMax ? text.slice(0, lengthMax) : text;
}

/** null if it is not a time. */
function timeOf(value: unknown, { zone }: LogTimeOptions): number | null {
  if (typeof value === 'number') return epochTime(value);
  if (typeof value !== 'string') return null;
  const time_ms = logTimeAt(value, 0, zone);
  if (!Number.isNaN(time_ms)) return time_ms;
  return /^\d{10,16}(?:\.\d+)?$/.test(value) ? epochTime(Number(value)) : null;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
