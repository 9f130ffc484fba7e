/**
 * Tables as they are found in the wild: who makes such a table, the statements that fill it, the options on the URL, and what is
 * right to say. The statements run in SQLite, PostgreSQL and MariaDB: `{ago N}` is a time as many seconds before now, `{time}` the
 * type of its column.
 */
import type { SightedState } from '../../protocol/sighting.ts';
import { WORDS } from './words.ts';

export type WildTable = {
  from: string;
  statements: string[];
  /** The type of its columns of times, and the form of their values. */
  times?: TimeForm;
  /** On the URL of the source. */
  query?: string;
  states: Record<string, SightedState>;
  unreadable?: number;
  verdict: 'well' | 'wrong' | 'unknown';
};

export type TimeForm = { type: string; print: (time_ms: number) => string };

const quoted = (text: string): string => `'${text}'`;
const iso = (ms: number): string => new Date(ms).toISOString();
const blank = (ms: number, digits: number): string => iso(ms).replace('T', ' ').slice(0, digits);

/** What every database takes for a time. */
export const PLAIN_TIME: TimeForm = { type: 'TIMESTAMP NULL', print: (ms) => quoted(blank(ms, 19)) };

const PRINTED = `CREATE TABLE job_status (job_id VARCHAR(50) PRIMARY KEY, worker_id VARCHAR(50), status VARCHAR(20),
  started_at {time}, updated_at {time}, percentage INT, error_message TEXT)`;

const insert = (
  id: string | number,
  status: string | number,
  seconds: number,
  more: { started?: number; error?: string } = {},
) =>
  `INSERT INTO job_status VALUES (${typeof id === 'number' ? id : `'${id}'`}, 'worker-1', ${typeof status === 'number' ? status : `'${status}'`}, {ago ${more.started ?? seconds + 60}}, {ago ${seconds}}, 45, ${more.error ? `'${more.error}'` : 'NULL'})`;

const TIMES: [from: string, type: string, print: TimeForm['print']][] = [
  ["datetime('now')", 'TIMESTAMP NULL', (ms) => quoted(blank(ms, 19))],
  ['strftime with %f', 'TIMESTAMP NULL', (ms) => quoted(blank(ms, 23))],
  ['datetime.now(timezone.utc).isoformat()', 'VARCHAR(40)', (ms) => quoted(iso(ms).replace('Z', '+00:00'))],
  ['SQLAlchemy DateTime', 'TIMESTAMP NULL', (ms) => quoted(`${blank(ms, 23)}000`)],
  ['Prisma 5 in SQLite: epoch milliseconds', 'BIGINT', String],
  ['time.time()', 'DOUBLE PRECISION', (ms) => String(ms / 1000)],
  ['unixepoch(), strtotime()', 'INT', (ms) => String(Math.floor(ms / 1000))],
  ['Date.now() * 1000: microseconds', 'BIGINT', (ms) => String(ms * 1000)],
  ['Rails: six digits', 'TIMESTAMP NULL', (ms) => quoted(`${blank(ms, 19)}.123456`)],
  ['toISOString()', 'TEXT', (ms) => quoted(iso(ms))],
  ['email.utils.formatdate()', 'TEXT', (ms) => quoted(new Date(ms).toUTCString())],
  ['str(time.time())', 'VARCHAR(20)', (ms) => quoted(String(ms / 1000))],
  ['asctime()', 'VARCHAR(40)', (ms) => quoted(asctime(ms))],
];

/** `Thu Nov 26 19:28:00 2026` */
function asctime(ms: number): string {
  const [, day, month, year, clock] = new Date(ms).toUTCString().split(' ');
  return `${new Date(ms).toUTCString().slice(0, 3)} ${month} ${day} ${clock} ${year}`;
}

export function* eachWildTable(): Generator<WildTable> {
  for (const { from, words } of WORDS) {
    // Without regard to case, some of the words are the same.
    const named = Object.entries(words).map(([word, state], index) => [`${index} ${word}`, word, state] as const);
    const states = Object.fromEntries(named.map(([name, , state]) => [name, state]));
    const verdict = Object.values(states).includes('FAILED') ? 'wrong' : 'well';
    yield { from, statements: [PRINTED, ...named.map(([name, word]) => insert(name, word, 30))], states, verdict };
    // A job that has hung for days, or waited, is found without a memory.
    const old = named.filter(([, , state]) => state === 'PROCESSING' || state === 'QUEUED');
    yield {
      from: `${from}, three days old`,
      statements: [PRINTED, ...named.map(([name, word]) => insert(name, word, 3 * 86_400))],
      states: Object.fromEntries(old.map(([name, , state]) => [name, state])),
      verdict: old.length > 0 ? 'wrong' : 'well',
    };
  }
  for (const [from, type, print] of TIMES) {
    const base = { from: `times of ${from}`, times: { type, print } };
    for (const [status, seconds, state, verdict] of [
      ['PROCESSING', 60, 'PROCESSING', 'well'],
      ['PROCESSING', 4000, 'PROCESSING', 'wrong'],
      ['running', 3 * 86_400, 'PROCESSING', 'wrong'],
      ['done', 60, 'COMPLETED', 'well'],
      ['error', 60, 'FAILED', 'wrong'],
    ] as const) {
      yield { ...base, statements: [PRINTED, insert('a', status, seconds)], states: { a: state }, verdict };
    }
  }
  for (const [from, type, ids] of [
    ['SERIAL', 'BIGINT', [1, 42, 9_007_199_254_740_991]],
    ['paths as ids', 'TEXT', ['uploads/a b.mp3', '会议.mp3', '3f2504e0-4f89-11d3-9a0c-0305e82c3301', 'x'.repeat(300)]],
  ] as const) {
    yield {
      from,
      statements: [PRINTED.replace('VARCHAR(50) PRIMARY KEY', type), ...ids.map((id) => insert(id, 'FAILED', 30))],
      states: Object.fromEntries(ids.map((id) => [String(id), 'FAILED'])),
      verdict: 'wrong',
    };
  }
  yield { from: 'an empty table', statements: [PRINTED], states: {}, verdict: 'unknown' };
  yield {
    from: 'a word of their own',
    statements: [PRINTED, insert('a', 'zombie', 30)],
    states: {},
    unreadable: 1,
    verdict: 'unknown',
  };
  yield {
    from: 'a word of their own, mapped',
    statements: [PRINTED, insert('a', 'zombie', 30), insert('b', 'parked', 2 * 86_400)],
    query: 'states=zombie:COMPLETED,parked:QUEUED',
    states: { a: 'COMPLETED', b: 'QUEUED' },
    verdict: 'wrong',
  };
  yield {
    from: 'an enumeration of numbers, mapped',
    statements: [
      PRINTED.replace('status VARCHAR(20)', 'status INT'),
      insert('a', 0, 30),
      insert('b', 1, 30),
      insert('c', 2, 30),
    ],
    query: 'states=0:QUEUED,1:PROCESSING,2:COMPLETED',
    states: { a: 'QUEUED', b: 'PROCESSING', c: 'COMPLETED' },
    verdict: 'well',
  };
  yield {
    from: 'a row that never got a time',
    statements: [PRINTED, `INSERT INTO job_status (job_id, status) VALUES ('a', 'PROCESSING')`],
    states: {},
    unreadable: 1,
    verdict: 'unknown',
  };
  yield {
    from: 'psutil’s percent and a name with blanks as worker',
    statements: [
      PRINTED.replace('percentage INT', 'percentage VARCHAR(10)'),
      insert('a', 'running', 30).replace("'worker-1'", "'GPU box 1'").replace('45', "'45%'"),
    ],
    states: { a: 'PROCESSING' },
    verdict: 'well',
  };
  yield* systems();
}

/** The tables of job systems, with those of their columns that matter. */
function* systems(): Generator<WildTable> {
  yield {
    from: 'Django 5: app_transcription with its own columns',
    statements: [
      'CREATE TABLE "app_transcription" ("id" integer PRIMARY KEY, "state" varchar(16), "modified" {time}, "created" {time})',
      `INSERT INTO app_transcription VALUES (7, 'FAILED', {ago 30}, {ago 90})`,
    ],
    query:
      'table=app_transcription&columns=job_id:id,status:state,updated_at:modified,started_at:created,worker_id:,percentage:,error_message:',
    states: { 7: 'FAILED' },
    verdict: 'wrong',
  };
  yield {
    from: 'Airflow 2.10: task_instance',
    statements: [
      'CREATE TABLE task_instance (task_id VARCHAR(250), run_id VARCHAR(250), state VARCHAR(20), start_date {time}, end_date {time}, updated_at {time}, hostname VARCHAR(1000))',
      `INSERT INTO task_instance VALUES ('transcribe', 'manual__2026-11-26T19:28:00+00:00', 'running', {ago 90}, NULL, {ago 40}, 'airflow-worker-0')`,
      `INSERT INTO task_instance VALUES ('transcribe', 'scheduled__2026-11-25', 'upstream_failed', {ago 90}, {ago 60}, {ago 60}, '')`,
      `INSERT INTO task_instance VALUES ('transcribe', 'scheduled__2026-11-24', 'up_for_retry', {ago 90}, {ago 60}, {ago 60}, 'airflow-worker-0')`,
    ],
    query:
      'table=task_instance&columns=job_id:run_id,status:state,started_at:start_date,worker_id:hostname,percentage:,error_message:',
    states: {
      'manual__2026-11-26T19:28:00+00:00': 'PROCESSING',
      'scheduled__2026-11-25': 'FAILED',
      'scheduled__2026-11-24': 'QUEUED',
    },
    verdict: 'wrong',
  };
  yield {
    from: 'Quartz 2.3: QRTZ_FIRED_TRIGGERS, epoch milliseconds',
    times: { type: 'BIGINT', print: String },
    statements: [
      'CREATE TABLE "QRTZ_FIRED_TRIGGERS" ("ENTRY_ID" VARCHAR(95), "INSTANCE_NAME" VARCHAR(200), "FIRED_TIME" {time}, "STATE" VARCHAR(16))',
      `INSERT INTO "QRTZ_FIRED_TRIGGERS" VALUES ('node1732650000000', 'node1', {ago 4000}, 'EXECUTING')`,
    ],
    query:
      'table=QRTZ_FIRED_TRIGGERS&columns=job_id:ENTRY_ID,status:STATE,started_at:FIRED_TIME,updated_at:,worker_id:INSTANCE_NAME,percentage:,error_message:',
    states: { node1732650000000: 'PROCESSING' },
    verdict: 'wrong',
  };
  yield {
    from: 'django-celery-results 2.5: TaskResult',
    statements: [
      'CREATE TABLE django_celery_results_taskresult (id integer, task_id varchar(255), status varchar(50), worker varchar(100), date_created {time}, date_done {time}, traceback text)',
      `INSERT INTO django_celery_results_taskresult VALUES (1, '6d9ad47b-5b3d-4b0a-9f0f-4d4b58b3a111', 'FAILURE', 'celery@gpu-1', {ago 900}, {ago 40}, 'Traceback (most recent call last): boom')`,
      `INSERT INTO django_celery_results_taskresult VALUES (2, '6d9ad47b-5b3d-4b0a-9f0f-4d4b58b3a222', 'SUCCESS', 'celery@gpu-1', {ago 900}, {ago 40}, NULL)`,
    ],
    query:
      'table=django_celery_results_taskresult&columns=job_id:task_id,worker_id:worker,started_at:date_created,updated_at:date_done,percentage:,error_message:traceback',
    states: {
      '6d9ad47b-5b3d-4b0a-9f0f-4d4b58b3a111': 'FAILED',
      '6d9ad47b-5b3d-4b0a-9f0f-4d4b58b3a222': 'COMPLETED',
    },
    verdict: 'wrong',
  };
  yield {
    from: 'Spring Batch 5: BATCH_JOB_EXECUTION',
    statements: [
      'CREATE TABLE BATCH_JOB_EXECUTION (JOB_EXECUTION_ID BIGINT, STATUS VARCHAR(10), START_TIME {time}, LAST_UPDATED {time}, EXIT_MESSAGE VARCHAR(2500))'.replaceAll(
        /\b[A-Z_]+_[A-Z_]+\b|\bSTATUS\b/g,
        '"$&"',
      ),
      `INSERT INTO "BATCH_JOB_EXECUTION" VALUES (12, 'STARTED', {ago 100}, {ago 20}, '')`,
      `INSERT INTO "BATCH_JOB_EXECUTION" VALUES (11, 'COMPLETED', {ago 1000}, {ago 200}, '')`,
    ],
    query:
      'table=BATCH_JOB_EXECUTION&columns=job_id:JOB_EXECUTION_ID,status:STATUS,started_at:START_TIME,updated_at:LAST_UPDATED,worker_id:,percentage:,error_message:EXIT_MESSAGE',
    states: { 11: 'COMPLETED', 12: 'PROCESSING' },
    verdict: 'well',
  };
  yield {
    from: 'Django-Q 1.3: django_q_task, a flag for success',
    statements: [
      'CREATE TABLE django_q_task (id varchar(32), name varchar(100), started {time}, stopped {time}, success BOOLEAN)',
      `INSERT INTO django_q_task VALUES ('a1', 'ten-blue-cat', {ago 400}, {ago 30}, TRUE)`,
      `INSERT INTO django_q_task VALUES ('a2', 'two-red-dog', {ago 400}, {ago 30}, FALSE)`,
    ],
    query:
      'table=django_q_task&columns=job_id:id,status:success,started_at:started,updated_at:stopped,worker_id:,percentage:,error_message:&states=true:COMPLETED,1:COMPLETED,false:FAILED,0:FAILED',
    states: { a1: 'COMPLETED', a2: 'FAILED' },
    verdict: 'wrong',
  };
  yield {
    from: 'Dagster 1.8: runs, seconds as a fraction',
    times: { type: 'DOUBLE PRECISION', print: (ms) => String(ms / 1000) },
    statements: [
      'CREATE TABLE runs (run_id VARCHAR(255), status VARCHAR(63), start_time {time}, end_time {time})',
      `INSERT INTO runs VALUES ('2f8e6a52-7a1a-4f0e-8a55-8b8e9a1f0c01', 'STARTED', {ago 90}, NULL)`,
      `INSERT INTO runs VALUES ('2f8e6a52-7a1a-4f0e-8a55-8b8e9a1f0c02', 'CANCELING', {ago 60}, NULL)`,
    ],
    query: 'table=runs&columns=job_id:run_id,started_at:start_time,updated_at:,worker_id:,percentage:,error_message:',
    states: {
      '2f8e6a52-7a1a-4f0e-8a55-8b8e9a1f0c01': 'PROCESSING',
      '2f8e6a52-7a1a-4f0e-8a55-8b8e9a1f0c02': 'PROCESSING',
    },
    verdict: 'well',
  };
  yield {
    from: 'Oban 2.18: oban_jobs that waits since its insertion',
    statements: [
      'CREATE TABLE oban_jobs (id BIGINT, state VARCHAR(20), inserted_at {time}, attempted_at {time}, attempted_by VARCHAR(200))',
      `INSERT INTO oban_jobs VALUES (1, 'available', {ago 86400}, NULL, NULL)`,
      `INSERT INTO oban_jobs VALUES (2, 'executing', {ago 300}, {ago 60}, 'node@host')`,
    ],
    query:
      'table=oban_jobs&columns=job_id:id,status:state,started_at:attempted_at,updated_at:inserted_at,worker_id:attempted_by,percentage:,error_message:',
    states: { 1: 'QUEUED', 2: 'PROCESSING' },
    verdict: 'wrong',
  };
  yield {
    from: 'Prisma 5: Transcription, names in camel case',
    statements: [
      'CREATE TABLE "Transcription" ("id" VARCHAR(30), "status" VARCHAR(20), "createdAt" {time}, "updatedAt" {time}, "errorMessage" TEXT)',
      `INSERT INTO "Transcription" VALUES ('cm3x0c1v20000v8l5g1h2abcd', 'ERROR', {ago 200}, {ago 10}, 'GPU out of memory')`,
    ],
    query:
      'table=Transcription&columns=job_id:id,started_at:createdAt,updated_at:updatedAt,worker_id:,percentage:,error_message:errorMessage',
    states: { cm3x0c1v20000v8l5g1h2abcd: 'FAILED' },
    verdict: 'wrong',
  };
  yield {
    from: 'Laravel 11: transcriptions',
    statements: [
      'CREATE TABLE transcriptions (id BIGINT, status VARCHAR(255), progress SMALLINT, created_at {time}, updated_at {time})',
      `INSERT INTO transcriptions VALUES (5, 'processing', 80, {ago 300}, {ago 5})`,
      `INSERT INTO transcriptions VALUES (6, 'finished', 100, {ago 300}, {ago 5})`,
    ],
    query: 'table=transcriptions&columns=job_id:id,started_at:created_at,worker_id:,percentage:progress,error_message:',
    states: { 5: 'PROCESSING', 6: 'COMPLETED' },
    verdict: 'well',
  };
}
