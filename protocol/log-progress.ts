/**
 * Lines of progress, read by hand: nine of a log's ten lines, in the two shapes that reporters print, in a fifth of the time that
 * the general way takes (log-line.ts). Whatever is not exactly one of the two is left to it.
 */
import type { LoggedEvent } from './log-line.ts';
import { type LogTimeOptions, logTimeAt, timeInPrefix } from './log-time.ts';

/** Answers null for all else. `at`: the first `JOB_` of the line; `marker`: the first TRANSCRIPTION_EVENT, or -1. */
export function readProgress(text: string, at: number, marker: number, options: LogTimeOptions): LoggedEvent | null {
  if (text.charCodeAt(at + 4) !== LETTER_P || text.includes('\u001b')) return null;
  const brace = text.indexOf('{');
  const json = marker !== -1 && marker < at;
  // A brace or a quote before our words may be a JSON around them, and a letter may make them other words.
  if (brace !== (json ? marker + 20 : -1) || text.charCodeAt(0) === QUOTE) return null;
  const start = json ? marker : at;
  if (start > 0 && isWordPart(text.charCodeAt(start - 1))) return null;
  return json ? readJson(text, marker, options) : readPlain(text, at, options);
}

function readPlain(text: string, start: number, options: LogTimeOptions): LoggedEvent | null {
  if (!text.startsWith(PLAIN_HEAD, start)) return null;
  const id = start + PLAIN_HEAD.length;
  const idStop = idEnd(text, id);
  if (idStop === -1 || !text.startsWith(' percentage=', idStop)) return null;
  const number = idStop + 12;
  const numberStop = numberEnd(text, number);
  const percentage = Number(text.slice(number, numberStop));
  if (numberStop === number || percentage > 100 || !isBlank(text, numberStop)) return null;
  return progress(text.slice(id, idStop), null, timeInPrefix(text, start, options), percentage, null);
}

function readJson(text: string, start: number, options: LogTimeOptions): LoggedEvent | null {
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
  if (Number.isNaN(time_ms) || !text.startsWith('", "percentage": ', timeStop)) return null;
  const number = timeStop + 17;
  const numberStop = numberEnd(text, number);
  const percentage = Number(text.slice(number, numberStop));
  if (numberStop === number || percentage > 100) return null;
  const job_id = text.slice(id, idStop);
  const worker_id = text.slice(worker, workerStop);
  if (text.charCodeAt(numberStop) === CLOSES) {
    return isBlank(text, numberStop + 1) ? progress(job_id, worker_id, time_ms, percentage, null) : null;
  }
  if (!text.startsWith(', "stage": "', numberStop)) return null;
  const stage = numberStop + 12;
  const stageStop = idEnd(text, stage);
  if (stageStop === -1 || stageStop - stage > 40 || !text.startsWith('"}', stageStop)) return null;
  if (!isBlank(text, stageStop + 2)) return null;
  return progress(job_id, worker_id, time_ms, percentage, text.slice(stage, stageStop).toUpperCase());
}

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

function isBlank(text: string, start: number): boolean {
  for (let at = start; at < text.length; at += 1) if (text.charCodeAt(at) > SPACE) return false;
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
