/** Writes what log-line.ts reads; apart from it, for workers, which need no reader and no schema. */

export const LOG_EVENTS = ['JOB_START', 'JOB_PROGRESS', 'JOB_COMPLETE', 'JOB_FAILED'] as const;

/** A field more is a field more in the JSON. */
export type EventToLog = {
  event: string;
  job_id: string;
  worker_id?: string | null;
  /** RFC 3339. */
  timestamp?: string;
  [field: string]: unknown;
};

/**
 * `TRANSCRIPTION_EVENT {"event": "JOB_START", "job_id": "…", "worker_id": "…", "timestamp": "…", …}`: spaced as Python's json
 * prints it, so that one grep finds the lines of workers in either language. A lease's token is no one's business and left out.
 */
export function formatLogLine({ event, job_id, worker_id, timestamp, ...rest }: EventToLog): string {
  const fields = Object.entries({ event, job_id, worker_id, timestamp, ...rest })
    .filter(([name, value]) => name !== 'lease_token' && JSON.stringify(value) !== undefined)
    .map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  return `TRANSCRIPTION_EVENT {${fields.join(', ')}}`;
}

/**
 * `JOB_START job_id=… worker_id=…`, and the like. It tells less than the JSON, and nothing of when: that is the logger's prefix.
 * An error runs to the end of the line; one that could not be read back (a line break, blanks at an end) is a JSON string.
 */
export function formatPlainLine(told: EventToLog): string {
  const name = PLAIN_FIELDS[told.event] ?? 'worker_id';
  const value = told[name] ?? null;
  const more = value === null && name === 'percentage' && told.stage ? ` stage=${told.stage}` : '';
  if (value === null) return `${told.event} job_id=${told.job_id}${more}`;
  return `${told.event} job_id=${told.job_id} ${name}=${name === 'error' ? plainError(String(value)) : value}`;
}

const PLAIN_FIELDS: Record<string, string> = {
  JOB_START: 'worker_id',
  JOB_PROGRESS: 'percentage',
  JOB_COMPLETE: 'duration',
  JOB_FAILED: 'error',
};

function plainError(text: string): string {
  return text === '' || !text.isWellFormed() || UNPRINTABLE.test(text) ? JSON.stringify(text) : text;
}

/** Blanks at an end, a quote at the start, or what breaks a line. */
const UNPRINTABLE = /^[\s"]|\s$|[\p{Cc}\u2028\u2029]/u;
