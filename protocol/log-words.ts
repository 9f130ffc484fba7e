/** Our keywords in a line: where they stand, and whether one begins an event or is only mentioned. */
import { LOG_EVENTS } from './log-format.ts';

export type LogEventName = (typeof LOG_EVENTS)[number];

export type Keyword = {
  index: number;
  end: number;
  /** Null: TRANSCRIPTION_EVENT, whose event is in its object. */
  event: LogEventName | null;
};

/** `job_completed` and `JOB_COMPLETED` are JOB_COMPLETE. */
export function eventNamed(word: unknown): LogEventName | undefined {
  return typeof word === 'string' ? EVENTS.get(word.trim().toUpperCase()) : undefined;
}

const EVENTS = new Map<string, LogEventName>(LOG_EVENTS.map((name) => [name, name]));
for (const [word, name] of [
  ['JOB_STARTED', 'JOB_START'],
  ['JOB_COMPLETED', 'JOB_COMPLETE'],
  ['JOB_FAILURE', 'JOB_FAILED'],
] as const)
  EVENTS.set(word, name);

/** Whether the text has one of our keywords at all, in upper or lower case. */
export const mentions = (text: string): boolean => MENTION.test(text);

/** The first keyword at or after an index. */
export function keywordFrom(text: string, from: number): Keyword | null {
  KEYWORD.lastIndex = from;
  const match = KEYWORD.exec(text);
  return match === null ? null : { index: match.index, end: KEYWORD.lastIndex, event: eventNamed(match[0]) ?? null };
}

/** More than the longest prefix that `LINE_PREFIX` matches, and what stands around it. */
const PREFIX_CHARS = 64;

/**
 * Where a second event of the same line begins, from `from` on: two processes that write to one file without a lock. The text after
 * an unquoted error may mention other events; there, only a new line's prefix or a missing space shows that it is one.
 */
export function nextEventAt(text: string, from: number, inError: boolean): number {
  let unsearched = from;
  for (let at = from; ; ) {
    const keyword = keywordFrom(text, at);
    if (keyword === null) return text.length;
    EVENT_AHEAD.lastIndex = keyword.end;
    if (EVENT_AHEAD.test(text)) {
      // Not from the beginning for each keyword, of which a long line may have thousands.
      const start = Math.max(from, unsearched - PREFIX_CHARS);
      // A letter in the place of the first character: what is cut there must not look like the beginning of a word.
      const before = start === from ? text.slice(from, keyword.index) : `A${text.slice(start + 1, keyword.index)}`;
      const prefix = before.search(LINE_PREFIX);
      if (prefix !== -1) return start + prefix;
      if (!inError || /[a-z0-9)\]}]$/.test(before)) return keyword.index;
      unsearched = keyword.index;
    }
    at = keyword.end;
  }
}

/**
 * The lines before one that is indented, without what stands before each: nothing, or what a collector writes for its source
 * (`[pod/a/worker] `, `2025-07-07T19:30:00Z stderr F `, `{"log":"`). Lines of other sources are left out. Empty if the line is not indented.
 */
export function linesBefore(line: string, before: () => string): string {
  if (/^\s/.test(line)) return before();
  const [, prefix] = INDENTED.exec(withoutTime(line)) ?? [];
  if (prefix === undefined) return '';
  const lines = before().split('\n').map(withoutTime);
  return lines.flatMap((one) => (one.startsWith(prefix) ? [one.slice(prefix.length)] : [])).join('\n');
}

const INDENTED = /^(\S.{0,200}?(?: |":"))(?= {2})/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escapes of a terminal
const withoutTime = (line: string): string => line.replace(/\u001b\[[\d;]*m|\d{4}-\d\d-\d\d[T ][\d:.+Z-]+ ?/g, '');

/** Program text that writes an event, as tracebacks quote it, and templates: `logger.error(f"JOB_FAILED job_id={job_id}")`. */
export function isSource(text: string, { index, end }: Keyword, before: string): boolean {
  const start = text.slice(Math.max(0, index - SOURCE_CHARS), index);
  if (CALL.test(start)) return true;
  if (QUOTE_OPENS.test(start) && followsFrame(before)) return true;
  TEMPLATE.lastIndex = end;
  return TEMPLATE.test(text);
}

/** Whether a call with a string as its first argument is open at `index`: then what stands there is source. */
export const isInCall = (text: string, start: number, index: number): boolean =>
  CALL.test(text.slice(Math.max(start, index - SOURCE_CHARS), index));

const SOURCE_CHARS = 200;

/** Whether the last line names a place in a program, and only indented lines have followed it. */
export function followsFrame(before: string): boolean {
  const lines = before.replace(/\n$/, '').split('\n').reverse();
  const frame = lines.findIndex((line) => FRAME.test(line));
  return frame !== -1 && lines.slice(0, frame).every((line) => /^\s/.test(line));
}

const UPPER_WORDS = 'JOB_(?:START(?:ED)?|PROGRESS|COMPLETED?|FAILED|FAILURE)';
const WORDS = `${UPPER_WORDS}|${UPPER_WORDS.toLowerCase()}|TRANSCRIPTION_EVENT|transcription_event`;
/** A value of the line before may stand directly before an upper-case word. */
const KEYWORD = new RegExp(
  `(?<!\\w)(?:${WORDS})(?!\\w)|(?<=[a-z0-9])(?:${UPPER_WORDS}(?=[ :]+job_id=)|TRANSCRIPTION_EVENT(?= ?\\{))`,
  'g',
);
const MENTION = new RegExp(WORDS);
/** `job_id` alone is in every line. */
export const LOWER = /job_[spcf](?:tart|rogress|omplete|ail)|transcription_event/g;
const EVENT_AHEAD = /["'\s:,]*(?:\{|job_id["']?\s*[=:]|[a-z_]+=\S.{0,500}\bjob_id=)/y;
const LINE_PREFIX =
  /\[?(?:\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:|\b[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)|(?<![A-Z])(?:DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL|FATAL)(?=[\s:|\]])/;
/** An exception's name begins with a capital: its printed form is no source. */
const CALL = /(?<![A-Za-z0-9_])[a-z_]\w*\(\s*[A-Za-z]{0,2}["'`][^"'`]{0,40}$/;
const QUOTE_OPENS = /["'`][^"'`]*$/;
const FRAME = /\bFile \\?"[^"]*", line \d+/;
const TEMPLATE = /[\s:,]*job_id["']?\s*[=:]\s*["']?(?:\{[^{}"']*\}|\$\{[^{}]*\}|%[a-z](?!\w)|%\(\w+\)s|\{\{)/y;
