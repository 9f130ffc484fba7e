/**
 * Reads the table `job_status` of any database, also under other names: `?table=work.jobs&columns=job_id:id,status:state,worker_id:`
 * on the URL (a column without a name is not there).
 */
import { lenientPercentage, lenientText, lenientTime, lenientWorkerId } from './lenient-values.ts';
import { reportedId } from './reported-id.ts';
import type { Sighting } from './sighting.ts';
import { noId } from './status-file.ts';
import { lenientState, noStatus, openSpellings, reasonOf, type StateWords } from './status-words.ts';
import type { Zone } from './zone.ts';

/** `mysql`: MariaDB too. */
export type Dialect = 'postgres' | 'sqlite' | 'mysql';

export const JOB_STATUS_TABLE = 'job_status';

export const JOB_STATUS_COLUMNS = [
  'job_id',
  'worker_id',
  'status',
  'started_at',
  'updated_at',
  'percentage',
  'error_message',
] as const;

export type JobStatusColumn = (typeof JOB_STATUS_COLUMNS)[number];

export type TableShape = {
  /** As it is in the database: `job_status`, or `schema.table`. */
  table: string;
  /** The names of columns that have others; null for one that is not there. */
  columns: Partial<Record<JobStatusColumn, string | null>>;
  states?: StateWords;
  /** Of times without one. For a server's own times, its session has the zone. */
  zone?: Zone;
};

export const PRINTED_SHAPE: TableShape = { table: JOB_STATUS_TABLE, columns: {} };

const NAME_MAX = 128;

/** Parses `job_id:id,status:state,worker_id:`. Throws a RangeError. */
export function parseColumns(text: string): TableShape['columns'] {
  const columns: TableShape['columns'] = {};
  for (const pair of text.split(',').filter((one) => one.trim() !== '')) {
    const [column = '', name, ...more] = pair.split(':').map((part) => part.trim());
    const known = JOB_STATUS_COLUMNS.find((one) => one === column);
    if (known === undefined || name === undefined || more.length > 0) {
      throw new RangeError(`${JSON.stringify(pair)} is not COLUMN:NAME, with one of ${JOB_STATUS_COLUMNS.join(', ')}`);
    }
    if (name === '' && (known === 'job_id' || known === 'status')) throw new RangeError(`${known} can't be left out`);
    columns[known] = name === '' ? null : checkName(name);
  }
  return columns;
}

/** Throws a RangeError. */
export function checkName(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
  if (name === '' || name.length > NAME_MAX || /[\u0000-\u001f]/.test(name)) {
    throw new RangeError(`${JSON.stringify(name)} is not the name of a table or column`);
  }
  return name;
}

export const nameOfColumn = ({ columns }: TableShape, column: JobStatusColumn): string | null =>
  columns[column] === undefined ? column : columns[column];

const quoted = (dialect: Dialect, name: string): string =>
  dialect === 'mysql' ? `\`${name.replaceAll('`', '``')}\`` : `"${name.replaceAll('"', '""')}"`;

const textOf = (dialect: Dialect, expression: string): string =>
  `CAST(${expression} AS ${dialect === 'mysql' ? 'CHAR' : 'TEXT'})`;

const literal = (text: string): string => `'${text.replaceAll("'", "''").replaceAll('\\', '')}'`;

/**
 * All rows reported since a time, and all whose job has not ended or that have no time, oldest first, for `readRow`. One
 * parameter: milliseconds since 1970.
 */
export function rowsSince(dialect: Dialect, shape: TableShape = PRINTED_SHAPE): string {
  const at = (column: JobStatusColumn): string => {
    const name = nameOfColumn(shape, column);
    return name === null ? 'NULL' : quoted(dialect, name);
  };
  const open = openSpellings(shape.states).map(literal).join(', ');
  const isOpen = `LOWER(${textOf(dialect, at('status'))}) IN (${open})`;
  const time = TIMES[dialect];
  const updated = at('updated_at');
  const told = updated === 'NULL' ? at('started_at') : updated;
  const conditions =
    told === 'NULL'
      ? `1 = 1 OR 0 = ${PARAMETER[dialect]}`
      : `${time.absent(told)} OR ${isOpen}\n   OR ${time.since(told)}`;
  return `SELECT ${textOf(dialect, at('job_id'))} AS job_id, ${at('worker_id')} AS worker_id, ${at('status')} AS status,
    ${at('percentage')} AS percentage, ${at('error_message')} AS error_message,
    ${time.read(at('started_at'))} AS started_at, ${time.read(updated)} AS updated_at
FROM ${tableName(dialect, shape)}
WHERE ${conditions}${told === 'NULL' ? '' : `\nORDER BY ${time.order(told)}`}`;
}

/** Whether there is any row: a table in which nothing happened lately is the right one all the same. */
export const anyRow = (dialect: Dialect, shape: TableShape = PRINTED_SHAPE): string =>
  `SELECT 1 AS found FROM ${tableName(dialect, shape)} LIMIT 1`;

const tableName = (dialect: Dialect, { table }: TableShape): string =>
  table
    .split('.')
    .map((part) => quoted(dialect, part))
    .join('.');

type Times = Record<'read' | 'absent' | 'since' | 'order', (column: string) => string>;

const PARAMETER: Record<Dialect, string> = { postgres: '$1::float8', sqlite: '?', mysql: '?' };

const TIMES: Record<Dialect, Times> = {
  postgres: {
    read: (column) => (column === 'NULL' ? 'NULL' : `ROUND(EXTRACT(EPOCH FROM ${column}::timestamptz) * 1000)::float8`),
    absent: (column) => `${column} IS NULL`,
    since: (column) => `${column} >= to_timestamp($1::float8 / 1000)::timestamp`,
    order: (column) => `${column} NULLS FIRST`,
  },
  // SQLite has no time type: times are text in the format of its own functions, or numbers.
  sqlite: {
    read: (column) => column,
    absent: (column) => `julianday(${column}) IS NULL`,
    since: (column) => `julianday(${column}) >= julianday(? / 1000.0, 'unixepoch') - 1e-8`,
    order: (column) => `julianday(${column})`,
  },
  mysql: {
    read: (column) => `UNIX_TIMESTAMP(${column}) * 1000`,
    absent: (column) => `${column} IS NULL`,
    since: (column) => `${column} >= FROM_UNIXTIME(FLOOR(CAST(? AS DECIMAL(20)) / 1000))`,
    order: (column) => column,
  },
};

/** Reads a row of `rowsSince`, or a DynamoDB item as plain values. */
export function readRow(
  row: object,
  { states, zone }: Pick<TableShape, 'states' | 'zone'> = {},
): Sighting | { why: string } {
  const columns = row as Record<JobStatusColumn, unknown>;
  const id = reportedId(columns.job_id);
  if (id === null) return { why: noId(columns.job_id) };
  const state = lenientState(columns.status, states);
  if (state === undefined) return { why: noStatus(columns.status) };
  const started_ms = lenientTime(columns.started_at, zone);
  const told_ms = lenientTime(columns.updated_at, zone) ?? started_ms;
  if (told_ms === null) return { why: 'it has neither an updated_at nor a started_at' };
  const ended = state === 'COMPLETED' || state === 'FAILED';
  return {
    ...id,
    state,
    told_ms,
    worker_id: lenientWorkerId(columns.worker_id),
    started_ms,
    ended_ms: ended ? told_ms : null,
    percentage: lenientPercentage(columns.percentage),
    stage: null,
    audio_duration: null,
    duration: null,
    segments: null,
    s3_path: null,
    error: state === 'FAILED' ? (lenientText(columns.error_message, 4000) ?? reasonOf(columns.status)) : null,
  };
}
