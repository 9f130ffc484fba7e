/** Writes what log-line.ts reads. Apart from it for workers, which need neither a reader nor a schema. */

export const LOG_EVENTS = ['JOB_START', 'JOB_PROGRESS', 'JOB_COMPLETE', 'JOB_FAILED'] as const;

/** An added field becomes an added field of the JSON. */
export type EventToLog = {
  event: string;
  job_id: string;
  worker_id?: string | null;
  /** RFC 3339. */
  timestamp?: string;
  [field: string]: unknown;
};

/**
 * `TRANSCRIPTION_EVENT {"event": "JOB_START", "job_id": "…", "worker_id": "…", "timestamp": "…", …}`, spaced as
 * Python's json module does, so that one grep finds the lines of workers in either language. The lease's token is a
 * secret and left out.
 */
export function formatLogLine({ event, job_id, worker_id, timestamp, ...rest }: EventToLog): string {
  const fields = Object.entries({ event, job_id, worker_id, timestamp, ...rest })
    .filter(([name, value]) => name !== 'lease_token' && JSON.stringify(value) !== undefined)
    .map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  return `TRANSCRIPTION_EVENT {${fields.join(', ')}}`;
}

/**
 * `JOB_START job_id=… worker_id=…`, and so on. Has fewer fields than the JSON, and no time: the logger's prefix has it.
 * An error runs to the end of the line; one that would not read back (a line break, spaces at an end, our keywords) is a JSON string,
 * and so is a job_id or a stage that is not one word. The Python SDK writes the same: plain-line.cases.json.
 */
export function formatPlainLine(fields: EventToLog): string {
  const name = PLAIN_FIELDS[fields.event] ?? 'worker_id';
  const value = fields[name] ?? null;
  const more =
    value === null && name === 'percentage' && fields.stage ? ` stage=${plainWord(String(fields.stage))}` : '';
  const id = plainWord(fields.job_id);
  if (value === null) return `${fields.event} job_id=${id}${more}`;
  return `${fields.event} job_id=${id} ${name}=${name === 'error' ? plainError(String(value)) : value}`;
}

const PLAIN_FIELDS: Record<string, string> = {
  JOB_START: 'worker_id',
  JOB_PROGRESS: 'percentage',
  JOB_COMPLETE: 'duration',
  JOB_FAILED: 'error',
};

function plainWord(text: string): string {
  return WORD.test(text) && text !== 'None' && text !== 'null' ? text : JSON.stringify(text);
}

/** As in paths and file names; nothing that a reader takes for punctuation. */
const WORD = /^[\w./@:+~#%\u0080-\uffff-]*[\w/@+~#%\u0080-\uffff-]$/;

function plainError(text: string): string {
  return text === '' || !text.isWellFormed() || UNPRINTABLE.test(text) ? JSON.stringify(text) : text;
}

/** Spaces at an end, a quote at the start, a line break, or a word that could be another event. */
const UNPRINTABLE = /^[\s"']|\s$|[\p{Cc}\u2028\u2029]|JOB_|TRANSCRIPTION_EVENT/u;
