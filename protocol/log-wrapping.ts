/**
 * Lines within lines: a log line as the text of a JSON log (docker, fluentbit, `journalctl -o json`, any JSON logger),
 * as a row printed by the `aws` command, or as a field of a CSV export.
 */
import { fieldNamed } from './log-fields.ts';
import { objectAt, objectEnd, quotedAt } from './log-literal.ts';
import { eventNamed, isSource, keywordFrom, mentions } from './log-words.ts';

/** `event` if the JSON is itself an event; otherwise `text` is the inner line. `time`: the time in the wrapping. */
export type Unwrapped = { text: string; event: Record<string, unknown> | null; time: unknown } | { why: string };

/**
 * Returns null if the line is not wrapped; usually one otherwise, more for objects without a line break between them. `keyword`: index of
 * ours; -1 if it is not visible unescaped.
 */
export function unwrapLine(text: string, keyword: number): Unwrapped[] | null {
  const first = text.charCodeAt(0);
  const start = first > SPACE && first < DELETE ? 0 : text.search(/\S/);
  const opens = text[start];
  if (opens === '{' && (text[start + 1] === '"' || text[start + 1] === ' ')) return unwrapObjects(text, start);
  if (opens === '"') return unwrapString(text);
  // `journalctl -o json-sse`, where a coloured message is a list of bytes.
  if (text.startsWith('data: {"', start)) return unwrapObjects(text, start + 'data: '.length);
  if (text.startsWith('EVENTS\t')) return unwrapRow(text);
  const pair = keyword > 0 ? RUBY_MESSAGE.exec(text) : null;
  if (pair !== null && pair.index < keyword) {
    const quoted = quotedAt(text, pair.index + pair[0].length - 1);
    const [, epoch] = FLUENT_TIME.exec(text) ?? [];
    if (quoted !== null && quoted.end > keyword) return [{ text: quoted.value, event: null, time: epoch ?? null }];
  }
  // `prefix {"log": "JOB_START …"}`: the keyword is inside JSON that begins before it.
  const open = keyword > 0 ? text.indexOf('{"') : -1;
  if (open > 0 && open < keyword) {
    const end = objectEnd(text, open);
    return end === -1 || end > keyword ? unwrapObjects(text, open) : null;
  }
  const value = keyword > 0 ? LOGFMT_MESSAGE.exec(text) : null;
  if (value !== null && value.index < keyword) {
    const quote = value.index + value[0].length - 1;
    const quoted = quotedAt(text, quote);
    const isWhole = quoted !== null && quoted.end > keyword && !/^\w/.test(text.slice(quoted.end, quoted.end + 1));
    if (isWhole && eventNamed(quoted.value.trim()) === undefined)
      return [{ text: quoted.value, event: null, time: text.slice(0, quote) }];
  }
  if (keyword >= 0 && text.includes('{""event""', keyword)) {
    return [{ text: text.slice(keyword).replaceAll('""', '"'), event: null, time: text.slice(0, keyword) }];
  }
  return null;
}

/** The objects from `start` on; what stands after the last one is a line of its own. */
function unwrapObjects(text: string, start: number): Unwrapped[] {
  const found: Unwrapped[] = [];
  for (let at = start; text[at] === '{'; at = skipSpaces(text, at)) {
    const object = objectAt(text, at);
    if (object === null) {
      if (mentions(text.slice(at))) found.push({ why: 'the JSON around it is cut or malformed' });
      return found;
    }
    const unwrapped = within(object.value, 0);
    if (unwrapped !== null) found.push(unwrapped);
    at = object.end;
    if (skipSpaces(text, at) < text.length && text[skipSpaces(text, at)] !== '{') {
      found.push({ text: text.slice(at), event: null, time: null });
      return found;
    }
  }
  return found;
}

function skipSpaces(text: string, from: number): number {
  let at = from;
  while (at < text.length && (text.charCodeAt(at) <= SPACE || text[at] === ',')) at += 1;
  return at;
}

function within(value: unknown, depth: number): Unwrapped | null {
  if (typeof value !== 'object' || value === null) return null;
  const fields = value as Record<string, unknown>;
  const time = timeIn(fields);
  const event = eventIn(fields);
  if (event !== null) {
    return { text: '', event, time: time ?? Object.values(fields).filter(isObject).map(timeIn).find(Boolean) ?? null };
  }
  let mentioned: Unwrapped | null = null;
  for (const field of Object.values(fields)) {
    const text = textOf(field);
    if (text !== null && mentions(text) && !isTemplate(text)) {
      mentioned ??= { text, event: null, time };
      if (/job_?id/i.test(text)) return { text, event: null, time };
    }
    const found = depth < DEPTH_MAX ? within(field, depth + 1) : null;
    if (found !== null && !('why' in found)) return { ...found, time: found.time ?? time };
  }
  return mentioned;
}

/** The message of which loggers print the parts too: `JOB_FAILED job_id={JobId}`. */
function isTemplate(text: string): boolean {
  const keyword = keywordFrom(text, 0);
  return keyword !== null && isSource(text, keyword, '');
}

/** Loguru writes `"time": {"repr": …, "timestamp": …}`, Google Cloud `{"seconds": …}`, Log4j `{"epochSecond": …}`. */
function timeIn(fields: Record<string, unknown>): unknown {
  const time = TIME_FIELDS.map((name) => fields[name]).find((known) => known !== undefined && known !== null) ?? null;
  return isObject(time) ? (time.timestamp ?? time.seconds ?? time.epochSecond ?? null) : time;
}

/** `{"event": "JOB_FAILED", "job_id": …}`, and a logger's message with the fields beside it: `{"msg": "JOB_FAILED", "job_id": …}`. */
function eventIn(fields: Record<string, unknown>): Record<string, unknown> | null {
  const named = MESSAGE_FIELDS.map((field) => eventNamed(fields[field])).find((known) => known !== undefined);
  const name = named ?? TEMPLATE_FIELDS.map((field) => templateOf(fields[field])).find((known) => known !== undefined);
  if (name === undefined) return null;
  for (const beside of [fields, ...Object.values(fields).filter(isObject)]) {
    const inside = Object.values(beside).filter(isObject);
    const told = [beside, ...inside].find(hasId);
    if (told !== undefined) return { ...told, event: name };
  }
  return null;
}

/** `JOB_FAILED {job_id}`: the first word. */
const templateOf = (value: unknown) => (typeof value === 'string' ? eventNamed(value.split(/\s/, 1)[0]) : undefined);

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const hasId = (fields: Record<string, unknown>): boolean =>
  'job_id' in fields || Object.keys(fields).some((key) => fieldNamed(key) === 'job_id');

/** A string, or one as the bytes that `journalctl -o json` prints if it has a colour or is no UTF-8. */
function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value) || !value.every((byte) => Number.isInteger(byte) && byte >= 0 && byte <= 255)) return null;
  return new TextDecoder().decode(Uint8Array.from(value as number[]));
}

/** `"message": "JOB_START …",` and `"JOB_START …",`: lines of pretty-printed JSON. */
function unwrapString(text: string): Unwrapped[] | null {
  const [, string] = /^(?:"[^"]*"\s*:\s*)?("(?:[^"\\]|\\.)*"),?$/.exec(text.trim()) ?? [];
  const inside = string === undefined ? undefined : parseJson(string);
  return typeof inside === 'string' && mentions(inside) ? [{ text: inside, event: null, time: null }] : null;
}

/** `aws logs filter-log-events --output text`: EVENTS, event id, time of ingestion, stream, message, timestamp. */
function unwrapRow(text: string): Unwrapped[] | null {
  const cells = text.split('\t');
  if (cells.length < 6) return null;
  return [{ text: cells.slice(4, -1).join('\t'), event: null, time: cells.at(-1) }];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `level=error msg="JOB_FAILED …"`. */
const LOGFMT_MESSAGE = /(?<![\w.-])(?:msg|message|event|log)=["']/;
/** `{"log"=>"JOB_FAILED …"}`: Fluent Bit's standard output, Logstash's rubydebug. */
const RUBY_MESSAGE = /"(?:log|message|msg)"\s*=>\s*"/;
const FLUENT_TIME = /^\[\d+\] [^ ]+: \[\[?(\d{10}\.\d+)/;
const SPACE = 32;
const DELETE = 127;
/** An OpenTelemetry export has its lines at seven. */
const DEPTH_MAX = 10;
/** Of a logger whose message is the event's name: structlog; pino, zap and slog; winston; loguru; logrus. */
const MESSAGE_FIELDS = [
  'event',
  'msg',
  'message',
  'MESSAGE',
  'text',
  'body',
  'message_type',
  'event_type',
  'event_name',
];
/** Serilog's, in its two JSON forms, and .NET's. */
const TEMPLATE_FIELDS = ['@mt', 'MessageTemplate', '{OriginalFormat}'];

/** Time fields of docker, fluentbit, pino, structlog, zap, Logs Insights, python-json-logger and journald. */
const TIME_FIELDS = [
  'timestamp',
  'Timestamp',
  '@t',
  'time',
  'ts',
  '@timestamp',
  'asctime',
  'datetime',
  '_SOURCE_REALTIME_TIMESTAMP',
  '__REALTIME_TIMESTAMP',
  'timeUnixNano',
  'instant',
  'timestampSeconds',
  'timeMillis',
  'date',
  'log_time',
];
