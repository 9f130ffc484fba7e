/**
 * Tables as they are found in the wild, in SQLite: who makes such a table, the statements that fill it, the options on the URL,
 * and what is right to say. `{ago N}` in a statement is a time as many seconds before now, in the form of the table.
 */
import type { SightedState } from '../../protocol/sighting.ts';
import { WORDS } from './words.ts';

export type WildTable = {
  from: string;
  statements: string[];
  /** The form of its times. */
  time?: (time_ms: number) => string;
  /** On the URL of the source. */
  query?: string;
  states: Record<string, SightedState>;
  unreadable?: number;
  verdict: 'well' | 'wrong' | 'unknown';
};

const PRINTED = `CREATE TABLE job_status (job_id VARCHAR(50) PRIMARY KEY, worker_id VARCHAR(50), status VARCHAR(20),
  started_at TIMESTAMP, updated_at TIMESTAMP, percentage INT, error_message TEXT)`;

const insert = (
  id: string | number,
  status: string | number,
  seconds: number,
  more: { started?: number; error?: string } = {},
) =>
  `INSERT INTO job_status VALUES (${typeof id === 'number' ? id : `'${id}'`}, 'worker-1', ${typeof status === 'number' ? status : `'${status}'`}, {ago ${more.started ?? seconds + 60}}, {ago ${seconds}}, 45, ${more.error ? `'${more.error}'` : 'NULL'})`;

const quoted = (text: string): string => `'${text}'`;
const TIMES: [string, (time_ms: number) => string][] = [
  ["datetime('now')", (ms) => quoted(new Date(ms).toISOString().replace('T', ' ').slice(0, 19))],
  ['strftime with %f', (ms) => quoted(new Date(ms).toISOString().replace('T', ' ').slice(0, 23))],
  ['datetime.now(timezone.utc).isoformat()', (ms) => quoted(new Date(ms).toISOString().replace('Z', '+00:00'))],
  ['SQLAlchemy DateTime', (ms) => quoted(`${new Date(ms).toISOString().replace('T', ' ').slice(0, 23)}000`)],
  ['Prisma 5: epoch milliseconds', (ms) => String(ms)],
  ['time.time()', (ms) => String(ms / 1000)],
  ['unixepoch()', (ms) => String(Math.floor(ms / 1000))],
  ['Rails: six digits', (ms) => quoted(`${new Date(ms).toISOString().replace('T', ' ').slice(0, 19)}.123456`)],
  ['toISOString()', (ms) => quoted(new Date(ms).toISOString())],
];

export function* eachWildTable(): Generator<WildTable> {
  for (const { from, words } of WORDS) {
    const states = Object.fromEntries(Object.entries(words).map(([word, state]) => [`job ${word}`, state]));
    const verdict = Object.values(states).includes('FAILED') ? 'wrong' : 'well';
    const statements = [PRINTED, ...Object.keys(words).map((word) => insert(`job ${word}`, word, 30))];
    yield { from, statements, states, verdict };
    // A job that has hung for days, or waited, is found without a memory.
    for (const [word, state] of Object.entries(words)) {
      const open = state === 'PROCESSING' || state === 'QUEUED';
      yield {
        from: `${from}, three days old`,
        statements: [PRINTED, insert('old', word, 3 * 86_400)],
        states: open ? { old: state } : {},
        verdict: open ? 'wrong' : 'well',
      };
    }
  }
  for (const [from, time] of TIMES) {
    const base = { from: `times of ${from}`, time };
    yield {
      ...base,
      statements: [PRINTED, insert('a', 'PROCESSING', 60)],
      states: { a: 'PROCESSING' },
      verdict: 'well',
    };
    yield {
      ...base,
      statements: [PRINTED, insert('a', 'PROCESSING', 4000)],
      states: { a: 'PROCESSING' },
      verdict: 'wrong',
    };
    yield { ...base, statements: [PRINTED, insert('a', 'done', 60)], states: { a: 'COMPLETED' }, verdict: 'well' };
    yield { ...base, statements: [PRINTED, insert('a', 'error', 60)], states: { a: 'FAILED' }, verdict: 'wrong' };
  }
  for (const [from, type, ids] of [
    ['SERIAL', 'INTEGER', [1, 42, 9_007_199_254_740_991]],
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
    from: 'Django 5: app_transcription with its own columns',
    statements: [
      'CREATE TABLE "app_transcription" ("id" integer PRIMARY KEY, "state" varchar(16), "modified" datetime, "created" datetime)',
      `INSERT INTO app_transcription VALUES (7, 'FAILED', {ago 30}, {ago 90})`,
    ],
    query:
      'table=app_transcription&columns=job_id:id,status:state,updated_at:modified,started_at:created,worker_id:,percentage:,error_message:',
    states: { 7: 'FAILED' },
    verdict: 'wrong',
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
    statements: [PRINTED, insert('a', 'running', 30).replace("'worker-1'", "'GPU box 1'").replace('45', "'45%'")],
    states: { a: 'PROCESSING' },
    verdict: 'well',
  };
}
