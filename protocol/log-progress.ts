/**
 * Lines of progress, read by hand: nine of a log's ten lines, in the two shapes that reporters print, in a fifth of the time that
 * the general way takes (log-line.ts). Whatever is not exactly one of the two is left to it.
 */
import type { LoggedEvent } from './log-line.ts';
import { type LogTimeOptions, logTimeAt, timeInPrefix } from './log-time.ts';

/** A line where it stands in a text of many: nothing of it is copied until it is known to be one of the two. */
export type LineAt = {
  text: string;
  start: number;
  /** Of its line break. */
  end: number;
  /** The first `JOB_` in it, TRANSCRIPTION_EVENT, brace and escape character; past the end where there is none. */
  event: number;
  marker: number;
  brace: number;
  escape: number;
};

/** Answers null for all else. Its words are parts of the text, and keep all of it for as long as they are kept. */
export function readProgress(line: LineAt, options: LogTimeOptions): LoggedEvent | null {
  const { text, start, end, event, marker, brace } = line;
  if (text.charCodeAt(event + 4) !== LETTER_P || line.escape < end) return null;
  const json = marker < event;
  // A brace or a quote before our words may be a JSON around them, and a letter may make them other words.
  if ((json ? brace !== marker + 20 : brace < end) || text.charCodeAt(start) === QUOTE) return null;
  const first = json ? marker : event;
  if (first > start && isWordPart(text.charCodeAt(first - 1))) return null;
  return json ? readJson(text, marker, end, options) : readPlain(line, options);
}

function readPlain({ text, start, end, event }: LineAt, options: LogTimeOptions): LoggedEvent | null {
  if (!text.startsWith(PLAIN_HEAD, event)) return null;
  const id = event + PLAIN_HEAD.length;
  const idStop = idEnd(text, id);
  if (idStop === -1 || !text.startsWith(' percentage=', idStop)) return null;
  const number = idStop + 12;
  const numberStop = numberEnd(text, number);
  const percentage = numberIn(text, number, numberStop);
  if (numberStop === number || percentage > 100 || !isBlank(text, numberStop, end)) return null;
  return progress(text.slice(id, idStop), null, timeInPrefix(text, event, options, start), percentage, null);
}

function readJson(text: string, start: number, end: number, options: LogTimeOptions): LoggedEvent | null {
  if (!text.startsWith(JSON_HEAD, start)) return null;
  const id = start + JSON_HEAD.length;
  const idStop = idEnd(text, id);
  if (idStop === -1 || !text.startsWith('", "worker_id": "', idStop)) return null;
  const worker = idStop + 17;
  const workerStop = idEnd(text, worker);
  if (workerStop === -1 || !text.startsWith('", "timestamp": "', workerStop)) return null;
  const time = workerStop + 17;
  const time_ms = logTimeAt(text, time, options.zone);
  const timeStop = text.indexOf('"', time);
  if (Number.isNaN(time_ms) || timeStop > end || !text.startsWith('", "percentage": ', timeStop)) return null;
  const number = timeStop + 17;
  const numberStop = numberEnd(text, number);
  const percentage = numberIn(text, number, numberStop);
  if (numberStop === number || percentage > 100) return null;
  const job_id = text.slice(id, idStop);
  const worker_id = text.slice(worker, workerStop);
  if (text.charCodeAt(numberStop) === CLOSES) {
    return isBlank(text, numberStop + 1, end) ? progress(job_id, worker_id, time_ms, percentage, null) : null;
  }
  if (!text.startsWith(', "stage": "', numberStop)) return null;
  const stage = numberStop + 12;
  const stageStop = idEnd(text, stage);
  if (stageStop === -1 || stageStop - stage > 40 || !text.startsWith('"}', stageStop)) return null;
  if (!isBlank(text, stageStop + 2, end)) return null;
  return progress(job_id, worker_id, time_ms, percentage, upperCase(text.slice(stage, stageStop)));
}

/** Stages are few, and the same ones come again and again. */
function upperCase(stage: string): string {
  if (stage !== last.stage) last = { stage, upper: stage.toUpperCase() };
  return last.upper;
}
let last = { stage: '', upper: '' };

const PLAIN_HEAD = 'JOB_PROGRESS job_id=';
const JSON_HEAD = 'TRANSCRIPTION_EVENT {"event": "JOB_PROGRESS", "job_id": "';

function progress(
  job_id: string,
  worker_id: string | null,
  timestamp_ms: number | null,
  percentage: number,
  stage: string | null,
): LoggedEvent {
  return {
    event: 'JOB_PROGRESS',
    job_id,
    worker_id,
    timestamp_ms,
    percentage,
    stage,
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

/** Whole numbers, which most are, without a string of their own. */
function numberIn(text: string, start: number, stop: number): number {
  let number = 0;
  for (let at = start; at < stop; at += 1) {
    const code = text.charCodeAt(at);
    if (code === POINT) return Number(text.slice(start, stop));
    number = number * 10 + code - ZERO;
  }
  return number;
}

/** Where the id that begins at `start` ends; -1 where none does. */
function idEnd(text: string, start: number): number {
  let end = start;
  while (isIdPart(text.charCodeAt(end))) end += 1;
  const first = text.charCodeAt(start);
  return end === start || end - start > 64 || first === HYPHEN || first === UNDERSCORE ? -1 : end;
}

/** Three digits, and twelve after a point: a number that JSON, Python and we print the same. `start` where there is none. */
function numberEnd(text: string, start: number): number {
  let end = start;
  while (isDigit(text.charCodeAt(end))) end += 1;
  if (end === start || end - start > 3 || (end - start > 1 && text.charCodeAt(start) === ZERO)) return start;
  if (text.charCodeAt(end) !== POINT) return end;
  const point = end;
  end += 1;
  while (isDigit(text.charCodeAt(end))) end += 1;
  return end === point + 1 ? start : end;
}

function isBlank(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if (text.charCodeAt(at) > SPACE) return false;
  return true;
}

const isDigit = (code: number): boolean => code >= ZERO && code <= 57;
const isWordPart = (code: number): boolean =>
  isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === UNDERSCORE;
const isIdPart = (code: number): boolean => isWordPart(code) || code === HYPHEN;

const SPACE = 32;
const QUOTE = 34;
const HYPHEN = 45;
const POINT = 46;
const ZERO = 48;
const LETTER_P = 80;
const UNDERSCORE = 95;
const CLOSES = 125;
