/**
 * The table `job_status`, one row per job: its DDL, statements and readers for each database, and its form in DynamoDB.
 *
 * The columns are exactly the documented ones, so that a table created by hand works too, and statements written for
 * one work on the other. Values without a column (stage, lengths, segments) are not kept.
 *
 * A TIMESTAMP in PostgreSQL has no zone: as in the documented statements, it is in the session's zone, by default the
 * server's. Times are passed as milliseconds since 1970 and converted by the database, so the zone does not matter.
 */
import {
  type Dialect,
  JOB_STATUS_COLUMNS,
  type JobStatusColumn,
  nameOfColumn,
  PRINTED_SHAPE,
  rowsSince,
  type TableShape,
} from './job-status-rows.ts';
import type { Sighting } from './sighting.ts';
import { openSpellings } from './status-words.ts';

export const DIALECTS: readonly Dialect[] = ['postgres', 'sqlite', 'mysql'];

/** Maximum length of a worker or job id in the documented table. */
export const JOB_STATUS_ID_LENGTH_MAX = 50;

export type JobStatusSql = {
  /** Creates the table if it does not exist. */
  create: string;
  /** Takes `upsertParameters`. A report from another worker that is older than the row changes nothing. */
  upsert: string;
  /** As documented: percentage and job_id. */
  update: string;
  /** As documented: job_id, worker_id and started_at of running jobs without a report for 30 minutes. */
  stuckAsPrinted: string;
  /** Takes one parameter, minutes. Also finds rows without a time; the longest silent first. */
  stuck: string;
  /** See `rowsSince`. */
  since: string;
};

const COLUMNS = 'job_id, worker_id, status, started_at, updated_at, percentage, error_message';

const SAME_WORKER = 'job_status.worker_id = excluded.worker_id\n   OR ';
const SAME_WORKER_MYSQL = 'worker_id <=> VALUES(worker_id) OR ';

const NOT_OLDER = `${SAME_WORKER_MYSQL}updated_at IS NULL OR updated_at <= VALUES(updated_at)`;

export const JOB_STATUS_SQL: Record<Dialect, JobStatusSql> = {
  postgres: {
    create: `CREATE TABLE IF NOT EXISTS job_status (
    job_id VARCHAR(50) PRIMARY KEY,
    worker_id VARCHAR(50),
    status VARCHAR(20),
    started_at TIMESTAMP,
    updated_at TIMESTAMP,
    percentage INT,
    error_message TEXT
)`,
    upsert: `INSERT INTO job_status (${COLUMNS})
VALUES ($1, $2, $3, to_timestamp($4::float8 / 1000), to_timestamp($5::float8 / 1000), $6, $7)
ON CONFLICT (job_id) DO UPDATE SET
    worker_id = COALESCE(excluded.worker_id, job_status.worker_id),
    status = excluded.status,
    started_at = COALESCE(excluded.started_at, job_status.started_at),
    updated_at = excluded.updated_at,
    percentage = COALESCE(excluded.percentage, job_status.percentage),
    error_message = excluded.error_message
WHERE ${SAME_WORKER}job_status.updated_at IS NULL
   OR job_status.updated_at <= excluded.updated_at`,
    update: `UPDATE job_status
SET percentage = $1, updated_at = NOW()
WHERE job_id = $2`,
    stuckAsPrinted: `SELECT job_id, worker_id, started_at
FROM job_status
WHERE status = 'PROCESSING'
  AND updated_at < NOW() - INTERVAL '30 minutes'`,
    stuck: `SELECT job_id, worker_id, started_at, updated_at, percentage
FROM job_status
WHERE status = 'PROCESSING'
  AND (updated_at IS NULL OR updated_at < NOW() - $1 * INTERVAL '1 minute')
ORDER BY updated_at NULLS FIRST`,
    since: rowsSince('postgres'),
  },
  // SQLite has no NOW(), INTERVAL or time type: times are UTC text in the format of its own functions.
  sqlite: {
    create: `CREATE TABLE IF NOT EXISTS job_status (
    job_id VARCHAR(50) PRIMARY KEY,
    worker_id VARCHAR(50),
    status VARCHAR(20),
    started_at TIMESTAMP,
    updated_at TIMESTAMP,
    percentage INT,
    error_message TEXT
)`,
    upsert: `INSERT INTO job_status (${COLUMNS})
VALUES (?, ?, ?,
    strftime('%Y-%m-%d %H:%M:%f', ? / 1000.0, 'unixepoch'),
    strftime('%Y-%m-%d %H:%M:%f', ? / 1000.0, 'unixepoch'),
    ?, ?)
ON CONFLICT (job_id) DO UPDATE SET
    worker_id = COALESCE(excluded.worker_id, job_status.worker_id),
    status = excluded.status,
    started_at = COALESCE(excluded.started_at, job_status.started_at),
    updated_at = excluded.updated_at,
    percentage = COALESCE(excluded.percentage, job_status.percentage),
    error_message = excluded.error_message
WHERE ${SAME_WORKER}job_status.updated_at IS NULL
   OR julianday(job_status.updated_at) <= julianday(excluded.updated_at)`,
    update: `UPDATE job_status
SET percentage = ?, updated_at = CURRENT_TIMESTAMP
WHERE job_id = ?`,
    stuckAsPrinted: `SELECT job_id, worker_id, started_at
FROM job_status
WHERE status = 'PROCESSING'
  AND updated_at < datetime('now', '-30 minutes')`,
    stuck: `SELECT job_id, worker_id, started_at, updated_at, percentage
FROM job_status
WHERE status = 'PROCESSING'
  AND (updated_at IS NULL OR julianday(updated_at) < julianday('now') - ? / 1440.0)
ORDER BY julianday(updated_at)`,
    since: rowsSince('sqlite'),
  },
  // A TIMESTAMP not declared NULL updates itself on older servers, and without (3) it keeps whole seconds only. The
  // server's default charset may lack characters, and its collation may treat Job-1 as job-1.
  mysql: {
    create: `CREATE TABLE IF NOT EXISTS job_status (
    job_id VARCHAR(50) PRIMARY KEY,
    worker_id VARCHAR(50),
    status VARCHAR(20),
    started_at TIMESTAMP(3) NULL,
    updated_at TIMESTAMP(3) NULL,
    percentage INT,
    error_message TEXT
) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
    // Assignments run from left to right: the two columns that the condition reads come last.
    upsert: `INSERT INTO job_status (${COLUMNS})
VALUES (?, ?, ?, FROM_UNIXTIME(CAST(? AS DECIMAL(20)) / 1000), FROM_UNIXTIME(CAST(? AS DECIMAL(20)) / 1000), ?, ?)
ON DUPLICATE KEY UPDATE
    status = IF(${NOT_OLDER}, VALUES(status), status),
    started_at = IF(${NOT_OLDER}, COALESCE(VALUES(started_at), started_at), started_at),
    percentage = IF(${NOT_OLDER}, COALESCE(VALUES(percentage), percentage), percentage),
    error_message = IF(${NOT_OLDER}, VALUES(error_message), error_message),
    worker_id = IF(${NOT_OLDER}, COALESCE(VALUES(worker_id), worker_id), worker_id),
    updated_at = IF(${NOT_OLDER}, VALUES(updated_at), updated_at)`,
    update: `UPDATE job_status
SET percentage = ?, updated_at = NOW()
WHERE job_id = ?`,
    stuckAsPrinted: `SELECT job_id, worker_id, started_at
FROM job_status
WHERE status = 'PROCESSING'
  AND updated_at < NOW() - INTERVAL 30 MINUTE`,
    stuck: `SELECT job_id, worker_id, started_at, updated_at, percentage
FROM job_status
WHERE status = 'PROCESSING'
  AND (updated_at IS NULL OR updated_at < NOW() - INTERVAL ? MINUTE)
ORDER BY updated_at`,
    since: rowsSince('mysql'),
  },
};

/** `upsert` for a report that comes late: an older one changes nothing, not even a row of the same worker. */
export const lateUpsert = (dialect: Dialect): string =>
  JOB_STATUS_SQL[dialect].upsert.replaceAll(dialect === 'mysql' ? SAME_WORKER_MYSQL : SAME_WORKER, '');

/** Parameters of `upsert`, in order: job_id, worker_id, status, started_at, updated_at, percentage, error_message. */
export function upsertParameters(sighting: Sighting): (string | number | null)[] {
  const { job_id, reported_id, worker_id, state, started_ms, told_ms, percentage, error } = sighting;
  const name = reported_id ?? job_id;
  return [name, worker_id, state, started_ms, told_ms, whole(percentage), state === 'FAILED' ? error : null];
}

/** Rounds down: a job at 99.7 % is not done. */
const whole = (percentage: number | null): number | null => (percentage === null ? null : Math.floor(percentage));

/**
 * DynamoDB: the key is `job_id`; the other attributes are named after the columns. Times are
 * `2025-07-07T19:30:00.000Z`.
 */
export const dynamoCreateTable = (table: string) => ({
  TableName: table,
  AttributeDefinitions: [{ AttributeName: 'job_id', AttributeType: 'S' as const }],
  KeySchema: [{ AttributeName: 'job_id', KeyType: 'HASH' as const }],
  BillingMode: 'PAY_PER_REQUEST' as const,
});

type Attribute = { S: string } | { N: string };

/**
 * Parameters of UpdateItem: sets known values and keeps the rest. A ConditionalCheckFailedException is not an error:
 * the item was written by another worker and is newer. `late`: as in `lateUpsert`.
 */
export function dynamoUpdate(table: string, sighting: Sighting, { late = false } = {}) {
  const { job_id, reported_id, worker_id, state, started_ms, told_ms, percentage, error } = sighting;
  const set: Record<string, Attribute> = {
    status: { S: state },
    updated_at: { S: dynamoTime(told_ms) },
    ...(worker_id === null ? {} : { worker_id: { S: worker_id } }),
    ...(started_ms === null ? {} : { started_at: { S: dynamoTime(started_ms) } }),
    ...(percentage === null ? {} : { percentage: { N: String(whole(percentage)) } }),
    ...(state === 'FAILED' && error !== null ? { error_message: { S: error } } : {}),
  };
  const names = Object.keys(set);
  const remove = 'error_message' in set ? '' : ' REMOVE #error_message';
  const mine = worker_id === null || late ? '' : ' OR #worker_id = :worker_id';
  return {
    TableName: table,
    Key: { job_id: { S: reported_id ?? job_id } },
    UpdateExpression: `SET ${names.map((name) => `#${name} = :${name}`).join(', ')}${remove}`,
    ConditionExpression: `attribute_not_exists(#updated_at) OR #updated_at <= :updated_at${mine}`,
    ExpressionAttributeNames: Object.fromEntries(
      [...names, ...(remove === '' ? [] : ['error_message'])].map((name) => [`#${name}`, name]),
    ),
    ExpressionAttributeValues: Object.fromEntries(names.map((name) => [`:${name}`, set[name]!])),
  };
}

/**
 * Parameters of Scan: all items reported since a time, and those whose job has not ended or that have no time. A time that is a
 * number is compared as seconds: one in milliseconds is always greater, and left to the reader.
 */
export function dynamoSince(table: string, since_ms: number, shape: TableShape = PRINTED_SHAPE) {
  const updated = nameOfColumn(shape, 'updated_at') ?? nameOfColumn(shape, 'started_at');
  if (updated === null) return { TableName: table };
  const open = openSpellings(shape.states).flatMap((word) => [word, word.toUpperCase(), capitalised(word)]);
  const words = [...new Set(open)];
  // IN takes a hundred at most.
  const groups = Array.from({ length: Math.ceil(words.length / 100) }, (_, n) =>
    words.slice(n * 100, (n + 1) * 100).map((_word, at) => `:w${n * 100 + at}`),
  );
  const conditions = [
    'attribute_not_exists(#told)',
    'attribute_type(#told, :number) AND #told >= :since_seconds',
    'attribute_type(#told, :text) AND #told >= :since',
    ...groups.map((group) => `#status IN (${group.join(', ')})`),
  ];
  return {
    TableName: table,
    FilterExpression: conditions.map((one) => `(${one})`).join(' OR '),
    ExpressionAttributeNames: { '#told': updated, '#status': nameOfColumn(shape, 'status') ?? 'status' },
    ExpressionAttributeValues: {
      ':since': { S: dynamoTime(since_ms) },
      ':since_seconds': { N: String(Math.floor(since_ms / 1000)) },
      ':number': { S: 'N' },
      ':text': { S: 'S' },
      ...Object.fromEntries(words.map((word, at) => [`:w${at}`, { S: word }])),
    },
  };
}

const capitalised = (word: string): string =>
  word.replace(/(^|[ _-])([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase());

/** Converts an item of Scan for `readRow`. */
export function dynamoRow(
  item: Readonly<Record<string, object>>,
  shape: TableShape = PRINTED_SHAPE,
): Record<string, unknown> {
  const at = (column: JobStatusColumn): unknown => {
    const [type, value] = Object.entries(item[nameOfColumn(shape, column) ?? ''] ?? {})[0] ?? [];
    return type === 'N' ? Number(value) : type === 'S' ? value : undefined;
  };
  return Object.fromEntries(JOB_STATUS_COLUMNS.map((column) => [column, at(column)]));
}

/** Always with milliseconds, because DynamoDB compares times as text. */
const dynamoTime = (time_ms: number): string => new Date(time_ms).toISOString();
