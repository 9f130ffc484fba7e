/**
 * Other programs name jobs as they like: `meeting.mp3`, a path, a number, an emoji. Such a name gets an id that is the same
 * wherever the name is read, and the job keeps the name as `reported_id`:
 *
 *     meeting.mp3 → {job_id: 'meeting-mp3-…', reported_id: 'meeting.mp3'}      job-1 → {job_id: 'job-1'}      42 → {job_id: '42'}
 */
import { createHash } from 'node:crypto';
import { isId } from './id-pattern.ts';

export type ReportedId = {
  job_id: string;
  /** The name, if it is not an id itself. */
  reported_id?: string;
};

export const REPORTED_ID_MAX = 1024;
const READABLE_MAX = 40;
const HASH_DIGITS = 16;

/** Null if it cannot name a job: not text or an integer, blank, or longer than 1,024 UTF-16 units. */
export function reportedId(value: unknown): ReportedId | null {
  if (
    typeof value === 'number' ? !Number.isSafeInteger(value) : typeof value !== 'string' && typeof value !== 'bigint'
  ) {
    return null;
  }
  const name = String(value);
  if (isId(name)) return { job_id: name };
  if (name.trim() === '' || name.length > REPORTED_ID_MAX) return null;
  const reported_id = name.toWellFormed();
  return { job_id: shortId(reported_id, READABLE_MAX + 1 + HASH_DIGITS), reported_id };
}

/** An id of at most so many characters for a well-formed name. */
export function shortId(name: string, charactersMax: number): string {
  const readable = name
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-/, '')
    .slice(0, charactersMax - 1 - HASH_DIGITS)
    .replace(/-$/, '');
  const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_DIGITS);
  return `${readable || 'job'}-${hash}`;
}
