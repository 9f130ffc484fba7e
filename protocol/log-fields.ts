/**
 * The fields of an event in plain text: `JOB_FAILED job_id=a error=GPU out of memory`, in any order and any logger's style:
 *
 *     JOB_FAILED                     error=oom job_id=a          sorted, as structlog's console prints them
 *     JOB_FAILED, job_id: "a b.mp3", error: 'oom'
 *     level=error msg=JOB_FAILED error="out of memory" job_id=a  logfmt
 *
 * A value ends before the next key. An unquoted error takes the rest of the line, unless its job_id is still to come.
 */
import { lenientSeconds } from './lenient-values.ts';
import { objectAt, quotedAt } from './log-literal.ts';

export type PlainFields = {
  fields: Record<string, unknown>;
  /** Index after the last value. */
  end: number;
};

/** The name of one of our fields, whatever its style (`workerId`, `worker-id`); undefined for any other key. */
export function fieldNamed(key: string): string | undefined {
  return FIELDS.get(key) ?? FIELDS.get(key.replace(/[-_]/g, '').toLowerCase());
}

/**
 * The fields from `start` on; null if no key stands there. `stopAt` says where the text from an index on is no longer of this event;
 * `inError` if that index is within an unquoted error, which may mention other events.
 */
export function plainFieldsAt(
  text: string,
  start: number,
  stopAt: (from: number, inError: boolean) => number,
): PlainFields | null {
  const fields: Record<string, unknown> = {};
  let end = start;
  let known = false;
  for (;;) {
    const key = keyAt(text, end, known);
    if (key === null) break;
    known = true;
    const { value, end: after } = valueAt(text, key.end, { name: key.name, named: 'job_id' in fields, stopAt });
    if (!(key.name in fields) && key.name !== '__proto__') fields[key.name] = value;
    end = after;
  }
  return known ? { fields, end } : null;
}

/** A line of logfmt: every pair in it, wherever it stands. */
export function logfmtFields(text: string, start: number, stop: number): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  PAIR_ANYWHERE.lastIndex = start;
  for (let pair = PAIR_ANYWHERE.exec(text); pair !== null && pair.index < stop; pair = PAIR_ANYWHERE.exec(text)) {
    const name = fieldNamed(pair[1]!) ?? pair[1]!;
    const { value, end } = valueAt(text, PAIR_ANYWHERE.lastIndex, { name, named: false, stopAt: () => stop });
    if (!(name in fields) && name !== '__proto__') fields[name] = value;
    PAIR_ANYWHERE.lastIndex = Math.max(end, PAIR_ANYWHERE.lastIndex);
  }
  return fields;
}

/** `key=`, and for our own keys `key = `, `key: ` and `"key": ` too. */
function keyAt(text: string, at: number, later: boolean): { name: string; end: number } | null {
  const pattern = later ? NEXT_KEY : FIRST_KEY;
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  if (match === null) return null;
  const [, quote, key = '', sign] = match;
  const name = fieldNamed(key);
  if (name === undefined && (sign !== '=' || quote !== '')) return null;
  return { name: name ?? key, end: pattern.lastIndex };
}

type Reading = { name: string; named: boolean; stopAt: (from: number, inError: boolean) => number };

function valueAt(text: string, at: number, reading: Reading): { value: unknown; end: number } {
  const opens = text[at];
  if (opens === '"' || opens === "'") {
    const quoted = quotedAt(text, at);
    AFTER_QUOTED.lastIndex = quoted?.end ?? text.length;
    const whole = quoted !== null && AFTER_QUOTED.test(text);
    if (whole && (reading.name !== 'error' || isLast(text, quoted.end))) return quoted;
  }
  if (opens === '{' && reading.name !== 'error') {
    const object = objectAt(text, at);
    if (object !== null) return object;
  }
  return bareAt(text, at, reading);
}

/** Whether only keys follow: `error="a" and "b"` is not the string "a". */
function isLast(text: string, end: number): boolean {
  NEXT_KEY.lastIndex = end;
  REST_BLANK.lastIndex = end;
  return NEXT_KEY.test(text) || REST_BLANK.test(text);
}

function bareAt(text: string, at: number, { name, named, stopAt }: Reading): { value: unknown; end: number } {
  const inError = name === 'error';
  const stop = stopAt(at, inError);
  const next = inError && named ? null : nextKey(text.slice(at, stop), inError);
  const all = text.slice(at, next === null ? stop : at + next).trimEnd();
  if (inError || all.length > VALUE_CHARS_MAX) return { value: all, end: at + all.length };
  if (next !== null) return { value: plainValue(innerValue(all, name)), end: at + next };
  const value = lastValue(all, name);
  return { value: plainValue(value), end: at + value.length };
}

/** Where the next key begins; null if none does. Only our keys end an error, because it may contain others. */
function nextKey(rest: string, inError: boolean): number | null {
  for (const match of rest.matchAll(KEY_AHEAD)) {
    const [, key = '', sign] = match;
    // An argument of `timedelta(days=1, seconds=20)` is no key.
    if (!inError && rest.lastIndexOf('(', match.index) > rest.lastIndexOf(')', match.index)) continue;
    if (fieldNamed(key) !== undefined || (sign === '=' && (!inError || LOGGER_KEYS.has(key)))) return match.index;
  }
  return null;
}

/** The value before another key: all of it, as in `job_id=my file.mp3 worker_id=w`, unless it goes on as a sentence. */
function innerValue(all: string, name: string): string {
  const first = firstWord(all);
  if (first.length === all.length || name === 'stage') return all;
  if (lenientSeconds(all) !== null) return all;
  const rest = all.slice(first.length);
  if (/^[\w-]+$/.test(first) && /^(?:[\s,]+[a-z]+)+$/.test(rest)) return first;
  const [, before] = /^(.*?)(?:[,;]|\s+(?:[-–—|>]+|[([<{].*))(?:\s.*)?$/.exec(all) ?? [];
  return before || all;
}

/** The last value of the line: its first word, unless the rest belongs to it: `20 min`, `my file.mp3`, `1 day, 0:20:00`. */
function lastValue(all: string, name: string): string {
  const first = firstWord(all);
  if (first.length === all.length) return all;
  if (NUMBERS.has(name)) {
    for (let end = Math.min(all.length, SPAN_CHARS_MAX); end > first.length; end = all.lastIndexOf(' ', end - 1)) {
      const words = all.slice(0, end);
      if (lenientSeconds(words) !== null) return words;
    }
    return first;
  }
  return name === 'job_id' && /^[^,;|=()[\]{}]*\.[A-Za-z0-9]{2,4}$/.test(all) ? all : first;
}

/** To the first space outside parentheses: `np.float32(45.0)`, `timedelta(days=1, seconds=5)`. */
function firstWord(text: string): string {
  let end = text.search(/\s|$/);
  while (end < text.length && text.slice(0, end).split('(').length > text.slice(0, end).split(')').length) {
    const closes = text.indexOf(')', end);
    if (closes === -1) break;
    end = closes + 1;
  }
  return text.slice(0, end);
}

function plainValue(text: string): string | null {
  let bare = text.replace(/[,;]+$/, '');
  const [, closes] = /([)\]}>"'`])$/.exec(bare) ?? [];
  const opens = closes === undefined ? '' : OPENS[closes]!;
  const inside = closes === undefined ? bare : bare.slice(0, -1);
  if (closes !== undefined && (opens === closes ? inside.indexOf(closes) : inside.indexOf(opens)) === -1) bare = inside;
  return bare === '' || bare === 'None' || bare === 'null' || bare === 'nil' ? null : bare;
}

const OPENS: Readonly<Record<string, string>> = {
  ')': '(',
  ']': '[',
  '}': '{',
  '>': '<',
  '"': '"',
  "'": "'",
  '`': '`',
};

/** Longer than any value but an error. */
const VALUE_CHARS_MAX = 4096;
/** Longer than any length of time. */
const SPAN_CHARS_MAX = 60;

const NAMES = [
  'event',
  'job_id',
  'worker_id',
  'timestamp',
  'percentage',
  'stage',
  'current_chunk',
  'total_chunks',
  'eta_seconds',
  'audio_url',
  'audio_duration',
  'duration',
  'segments',
  's3_path',
  'confidence_score',
  'error',
  'code',
  'retryable',
];
const FIELDS = new Map(NAMES.flatMap((name) => [name, name.replaceAll('_', '')].map((key) => [key, name])));
for (const [key, name] of [
  ['percent', 'percentage'],
  ['pct', 'percentage'],
  ['err', 'error'],
  ['errormessage', 'error'],
] as const)
  FIELDS.set(key, name);

const NUMBERS = new Set(['percentage', 'duration', 'audio_duration', 'eta_seconds', 'segments']);
/** What loggers append to a line. */
const LOGGER_KEYS = new Set(
  'level lvl levelname logger logger_name name time ts timestamp caller source lineno line filename file func func_name function module pathname process thread thread_name exc_info stack stack_info exception trace_id span_id request_id task_id hostname pid'.split(
    ' ',
  ),
);

/** `job_id= a`, as print() writes it, unless that is the next key: `job_id= error=x`. */
const SIGN = String.raw`(\s*[=:])(?:\s+(?![A-Za-z_][\w.-]*=))?`;
const FIRST_KEY = new RegExp(
  String.raw`["'\x60\])>*]*(?:[\s:,;|–—>-]|\.(?=\s))*(["']?)([A-Za-z_][\w.-]*)\1${SIGN}`,
  'y',
);
const NEXT_KEY = new RegExp(String.raw`[\s,;|)\]}-]+(["']?)([A-Za-z_][\w.-]*)\1${SIGN}`, 'y');
const KEY_AHEAD = /(?<![\s,;|])[\s,;|]+["']?([A-Za-z_][\w.-]*)["']?(=|\s?:\s|\s=\s)/g;
const PAIR_ANYWHERE = /(?<![^\s,;|{[(])([A-Za-z_][\w.-]*)=/g;
const AFTER_QUOTED = /$|[\s,;|)\]}"'`]/y;
const REST_BLANK = /[\s,;)\]}"'`]*$/y;
