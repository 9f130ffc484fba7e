/**
 * Logs of attempts in the store: `jobs/logs/{job_id}/{attempt}.json`, replaced as the worker sends more, and deleted with the views of
 * their job. Losing one loses nothing else, and a rebuild does not bring it back.
 *
 * An attempt that does not count (its engine hung, its worker was drained) is given to another worker under the same number: what the
 * first one printed stays above.
 */
import { ATTEMPT_LOG_BYTES_MAX } from '../../protocol/log-limits.ts';
import type { ObjectStore } from '../objects/store.ts';

/** `text` ends at `end_bytes`, counted from the beginning of the attempt. */
export type AttemptLog = { end_bytes: number; text: string };

/** What is stored: the log of the attempt's last worker, and what was there before it. */
type Stored = { job_id: string; attempt: number; lease: string; before: AttemptLog; own: AttemptLog };

/** Of `max_attempts` in a submission. */
const ATTEMPTS_MAX = 20;

const keyOf = (job_id: string, attempt: number): string => `jobs/logs/${job_id}/${attempt}.json`;

/** `sent`: the last part of the worker's own log. `lease`: distinguishes the turns of an attempt. Returns where the log ends. */
export async function keepAttemptLog(
  store: ObjectStore,
  { job_id, attempt, lease }: { job_id: string; attempt: number; lease: string },
  sent: AttemptLog,
): Promise<number> {
  const stored = await read(store, job_id, attempt);
  const before =
    stored === null ? { end_bytes: 0, text: '' } : stored.lease === lease ? stored.before : wholeOf(stored);
  const next: Stored = { job_id, attempt, lease, before, own: { ...sent, text: lastBytes(sent.text) } };
  await store.put(keyOf(job_id, attempt), Buffer.from(`${JSON.stringify(next)}\n`));
  return wholeOf(next).end_bytes;
}

/** The log from `after_bytes` on, as far as it is kept; null if there is none. */
export async function readAttemptLog(
  store: ObjectStore,
  job_id: string,
  attempt: number,
  after_bytes: number,
): Promise<AttemptLog | null> {
  const stored = await read(store, job_id, attempt);
  if (stored === null) return null;
  const { end_bytes, text } = wholeOf(stored);
  const bytes = Buffer.from(text);
  const begin_bytes = end_bytes - bytes.length;
  return { end_bytes, text: bytes.subarray(Math.max(0, after_bytes - begin_bytes)).toString() };
}

/** Those that a job may have. Default: by any `max_attempts`. */
export function attemptLogKeys(job_id: string, attempts = ATTEMPTS_MAX): string[] {
  return Array.from({ length: attempts }, (_, index) => keyOf(job_id, index + 1));
}

function wholeOf({ before, own }: Stored): AttemptLog {
  return { end_bytes: before.end_bytes + own.end_bytes, text: lastBytes(before.text + own.text) };
}

async function read(store: ObjectStore, job_id: string, attempt: number): Promise<Stored | null> {
  const got = await store.get(keyOf(job_id, attempt));
  if (!got.found) return null;
  try {
    return JSON.parse(Buffer.from(got.bytes).toString()) as Stored;
  } catch {
    return null;
  }
}

/** Begins with a whole line. */
function lastBytes(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= ATTEMPT_LOG_BYTES_MAX) return text;
  const kept = bytes.subarray(bytes.length - ATTEMPT_LOG_BYTES_MAX);
  return kept.subarray(kept.indexOf('\n') + 1).toString();
}
