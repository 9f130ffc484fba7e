/**
 * Lines within lines: a log line as the text of a JSON log (docker, fluentbit, `journalctl -o json`, any JSON logger),
 * as a row printed by the `aws` command, or as a field of a CSV export.
 */
import { LOG_EVENTS } from './log-format.ts';

/** `event` if the JSON is itself an event; otherwise `text` is the inner line. `time`: the time in the wrapping. */
export type Unwrapped = { text: string; event: Record<string, unknown> | null; time: unknown } | { why: string } | null;

/** Returns null if the line is not wrapped. `marker`: index of our keyword; -1 if it is not visible unescaped. */
export function unwrapLine(text: string, marker: number): Unwrapped {
  const first = text.charCodeAt(0);
  const start = first > SPACE && first < DELETE ? 0 : text.search(/\S/);
  const opens = text[start];
  if (opens === '{' && (text[start + 1] === '"' || text[start + 1] === ' ')) return unwrapObject(text.slice(start));
  if (opens === '"') return unwrapString(text);
  if (text.startsWith('EVENTS\t')) return unwrapRow(text);
  // `prefix {"log": "JOB_START …"}`: the keyword is inside JSON that begins before it.
  const open = marker > 0 ? text.indexOf('{"') : -1;
  if (open > 0 && open < marker) {
    const end = objectEnd(text, open);
    return end === -1 || end > marker ? unwrapObject(text.slice(open, end === -1 ? undefined : end)) : null;
  }
  if (marker >= 0 && text.includes('{""event""', marker)) {
    return { text: text.slice(marker).replaceAll('""', '"'), event: null, time: text.slice(0, marker) };
  }
  return null;
}

function unwrapObject(text: string): Unwrapped {
  const object = parseJson(text.trimEnd().replace(/,$/, ''));
  if (object === undefined) return MENTION.test(text) ? { why: 'the JSON around it is cut or malformed' } : null;
  return within(object, 0);
}

function within(value: unknown, depth: number): Unwrapped {
  if (typeof value !== 'object' || value === null) return null;
  const fields = value as Record<string, unknown>;
  const time = TIME_FIELDS.map((name) => fields[name]).find((known) => known !== undefined) ?? null;
  if ('job_id' in fields && (LOG_EVENTS as readonly unknown[]).includes(fields.event)) {
    return { text: '', event: fields, time };
  }
  for (const field of Object.values(fields)) {
    if (typeof field === 'string' && MENTION.test(field)) return { text: field, event: null, time };
    const found = depth < 2 ? within(field, depth + 1) : null;
    if (found !== null && !('why' in found)) return { ...found, time: found.time ?? time };
  }
  return null;
}

/** `"message": "JOB_START …",` and `"JOB_START …",`: lines of pretty-printed JSON. */
function unwrapString(text: string): Unwrapped {
  const [, string] = /^\s*(?:"[^"]*"\s*:\s*)?("(?:[^"\\]|\\.)*")\s*,?\s*$/.exec(text) ?? [];
  const inside = string === undefined ? undefined : parseJson(string);
  return typeof inside === 'string' && MENTION.test(inside) ? { text: inside, event: null, time: null } : null;
}

/** `aws logs filter-log-events --output text`: EVENTS, event id, time of ingestion, stream, message, timestamp. */
function unwrapRow(text: string): Unwrapped {
  const cells = text.split('\t');
  if (cells.length < 6) return null;
  return { text: cells.slice(4, -1).join('\t'), event: null, time: cells.at(-1) };
}

/** The end of the JSON object that begins at `start`, ignoring what follows; -1 if it does not end. */
export function objectEnd(text: string, start: number): number {
  let depth = 0;
  let quoted = false;
  for (let at = start; at < text.length; at += 1) {
    const character = text[at];
    if (quoted && character === '\\') at += 1;
    else if (character === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (character === '{') depth += 1;
    else if (character === '}' && --depth === 0) return at + 1;
  }
  return -1;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const SPACE = 32;
const DELETE = 127;
const MENTION = /TRANSCRIPTION_EVENT|JOB_(?:START|PROGRESS|COMPLETE|FAILED)/;

/** Time fields of docker, fluentbit, pino, structlog, zap, Logs Insights, python-json-logger and journald. */
const TIME_FIELDS = ['timestamp', 'time', 'ts', '@timestamp', 'asctime', '__REALTIME_TIMESTAMP'];
