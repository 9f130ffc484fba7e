/**
 * Reads the table `job_status` of any database, also under other names: `?table=work.jobs&columns=job_id:id,status:state,worker_id:`
 * on the URL (a column without a name is not there).
 */
import { type Dialect, PARAMETER, type TimeKind, timeSql } from './job-status-times.ts';
import { lenientPercentage, lenientText, lenientTime, lenientWorkerId } from './lenient-values.ts';
import { reportedId } from './reported-id.ts';
import type { Sighting } from './sighting.ts';
import { noId } from './status-file.ts';
import { lenientState, noStatus, openSpellings, reasonOf, type StateWords } from './status-words.ts';
import type { Zone } from './zone.ts';

export type { Dialect, TimeKind };

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

/** NULL if it is not there. */
export const columnSql = (dialect: Dialect, shape: TableShape, column: JobStatusColumn): string => {
  const name = nameOfColumn(shape, column);
  return name === null ? 'NULL' : quoted(dialect, name);
};

const quoted = (dialect: Dialect, name: string): string =>
  dialect === 'mysql' ? `\`${name.replaceAll('`', '``')}\`` : `"${name.replaceAll('"', '""')}"`;

export const textOf = (dialect: Dialect, expression: string): string =>
  `CAST(${expression} AS ${dialect === 'mysql' ? 'CHAR' : 'TEXT'})`;

export const literal = (text: string): string => `'${text.replaceAll("'", "''").replaceAll('\\', '')}'`;

/** What the columns of times are, if that is not times. */
export type TimeKinds = Partial<Record<(typeof TIME_COLUMNS)[number], TimeKind>>;

const TIME_COLUMNS = ['started_at', 'updated_at'] as const;

/** No row, but the types of the columns of times. Null if the table has none. */
export function timeColumns(dialect: Dialect, shape: TableShape): string | null {
  const columns = TIME_COLUMNS.flatMap((column) => {
    const name = nameOfColumn(shape, column);
    return name === null ? [] : [`${quoted(dialect, name)} AS ${column}`];
  });
  return columns.length === 0 ? null : `SELECT ${columns.join(', ')} FROM ${tableName(dialect, shape)} WHERE 1 = 0`;
}

/**
 * All rows reported since a time, and all whose job has not ended or that have no time, oldest first, for `readRow`. One
 * parameter: milliseconds since 1970. `except`: a condition of rows that are not wanted.
 */
export function rowsSince(
  dialect: Dialect,
  shape: TableShape = PRINTED_SHAPE,
  { kinds = {}, except }: { kinds?: TimeKinds; except?: string | undefined } = {},
): string {
  const at = (column: JobStatusColumn): string => columnSql(dialect, shape, column);
  const open = openSpellings(shape.states).map(literal).join(', ');
  const isOpen = `LOWER(${textOf(dialect, at('status'))}) IN (${open})`;
  const time = (column: (typeof TIME_COLUMNS)[number]) => timeSql(dialect, kinds[column] ?? 'time', at(column));
  const told = nameOfColumn(shape, 'updated_at') === null ? 'started_at' : 'updated_at';
  const { absent, since, order } = time(told);
  const timeless = nameOfColumn(shape, told) === null;
  const conditions = timeless ? `1 = 1 OR 0 = ${PARAMETER[dialect]}` : `${absent} OR ${isOpen}\n   OR ${since}`;
  return `SELECT ${textOf(dialect, at('job_id'))} AS job_id, ${at('worker_id')} AS worker_id, ${at('status')} AS status,
    ${at('percentage')} AS percentage, ${at('error_message')} AS error_message,
    ${time('started_at').read} AS started_at, ${time('updated_at').read} AS updated_at
FROM ${tableName(dialect, shape)}
WHERE ${except === undefined ? conditions : `CASE WHEN ${except} THEN 0 ELSE 1 END = 1\n   AND (${conditions})`}${timeless ? '' : `\nORDER BY ${order}`}`;
}

/** Whether there is any row: a table in which nothing happened lately is the right one all the same. */
export const anyRow = (dialect: Dialect, shape: TableShape = PRINTED_SHAPE): string =>
  `SELECT 1 AS found FROM ${tableName(dialect, shape)} LIMIT 1`;

export const tableName = (dialect: Dialect, { table }: TableShape): string =>
  table
    .split('.')
    .map((part) => quoted(dialect, part))
    .join('.');

/** Reads a row of `rowsSince`, or a DynamoDB item as plain values. */
export function readRow(
  row: object,
  { states, zone, day_first }: Pick<TableShape, 'states' | 'zone'> & { day_first?: boolean | null } = {},
): Sighting | { why: string } {
  const columns = row as Record<JobStatusColumn, unknown>;
  const id = reportedId(columns.job_id);
  if (id === null) return { why: noId(columns.job_id) };
  const state = lenientState(columns.status, states);
  if (state === undefined) return { why: noStatus(columns.status) };
  const started_ms = lenientTime(columns.started_at, zone, day_first);
  const told_ms = lenientTime(columns.updated_at, zone, day_first) ?? started_ms;
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
