/**
 * The table `job_status`, one row a job: how it is made, written, asked and read in each database, and as a DynamoDB table.
 *
 * Its columns are those that were printed for it, no more, so that a table made by hand does as well, and statements written
 * for the one work on the other. What they have no column for (stage, lengths, segments) is not kept.
 *
 * A TIMESTAMP of PostgreSQL has no zone: here as in the printed statements it is one of the session's, which is the server's
 * unless told otherwise. Times go in and come out as milliseconds since 1970, converted by the database, so that it does not
 * matter which zone that is.
 */
import { isId } from './id-pattern.ts';
import type { Sighting } from './sighting.ts';
import { noId, noStatus, toldState } from './status-file.ts';
import { toldPercentage, toldText, toldTime, toldWorker } from './told-values.ts';

export const JOB_STATUS_TABLE = 'job_status';

/** `mysql`: MariaDB too. */
export type Dialect = 'postgres' | 'sqlite' | 'mysql';
export const DIALECTS: readonly Dialect[] = ['postgres', 'sqlite', 'mysql'];

/** A worker's or job's id is at most this long in a table as printed. */
export const JOB_STATUS_ID_LENGTH_MAX = 50;

export type JobStatusSql = {
  /** Makes the table; does nothing where it is there. */
  create: string;
  /** Takes `upsertParameters`. A report of another worker that is older than the row changes nothing. */
  upsert: string;
  /** As printed: percentage and job_id. */
  update: string;
  /** As printed: job_id, worker_id, started_at of what runs and has told nothing for 30 minutes. */
  stuckAsPrinted: string;
  /** Takes one parameter, minutes. Also finds rows that never told a time; the longest silent first. */
  stuck: string;
  /** All rows told of since then, and all that run, oldest first, as `readRow` takes them. One parameter: milliseconds since 1970. */
  since: string;
};

const COLUMNS = 'job_id, worker_id, status, started_at, updated_at, percentage, error_message';

const NOT_OLDER = 'worker_id <=> VALUES(worker_id) OR updated_at IS NULL OR updated_at <= VALUES(updated_at)';

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
WHERE job_status.worker_id = excluded.worker_id
   OR job_status.updated_at IS NULL
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
    since: `SELECT job_id, worker_id, status, percentage, error_message,
    ROUND(EXTRACT(EPOCH FROM started_at::timestamptz) * 1000)::float8 AS started_at,
    ROUND(EXTRACT(EPOCH FROM updated_at::timestamptz) * 1000)::float8 AS updated_at
FROM job_status
WHERE updated_at IS NULL OR status = 'PROCESSING'
   OR updated_at >= to_timestamp($1::float8 / 1000)::timestamp
ORDER BY job_status.updated_at NULLS FIRST`,
  },
  // SQLite has no NOW(), no INTERVAL and no type for a time: text in UTC, as its own functions write and compare it.
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
WHERE job_status.worker_id = excluded.worker_id
   OR job_status.updated_at IS NULL
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
    since: `SELECT ${COLUMNS}
FROM job_status
WHERE julianday(updated_at) IS NULL OR status = 'PROCESSING'
   OR julianday(updated_at) >= julianday(? / 1000.0, 'unixepoch') - 1e-8
ORDER BY julianday(updated_at)`,
  },
  // A TIMESTAMP that is not said to be NULL changes by itself in servers of some age, and without (3) keeps whole seconds; the
  // server's letters may know no umlaut, and may take Job-1 for job-1.
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
    // Assigned from left to right: the two that the condition looks at come last, and each keeps it as it was.
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
    since: `SELECT job_id, worker_id, status, percentage, error_message,
    UNIX_TIMESTAMP(started_at) * 1000 AS started_at,
    UNIX_TIMESTAMP(updated_at) * 1000 AS updated_at
FROM job_status
WHERE updated_at IS NULL OR status = 'PROCESSING'
   OR updated_at >= FROM_UNIXTIME(FLOOR(CAST(? AS DECIMAL(20)) / 1000))
ORDER BY job_status.updated_at`,
  },
};

/** In the order of `upsert`: job_id, worker_id, status, started_at, updated_at, percentage, error_message. */
export function upsertParameters(sighting: Sighting): (string | number | null)[] {
  const { job_id, worker_id, state, started_ms, told_ms, percentage, error } = sighting;
  return [job_id, worker_id, state, started_ms, told_ms, whole(percentage), state === 'FAILED' ? error : null];
}

/** A job at 99.7 % is not done. */
const whole = (percentage: number | null): number | null => (percentage === null ? null : Math.floor(percentage));

/** A row of `since`, or a DynamoDB item as plain values. */
export function readRow(row: object): Sighting | { why: string } {
  const columns = row as Record<string, unknown>;
  const { job_id } = columns;
  if (typeof job_id !== 'string' || !isId(job_id)) return { why: noId(job_id) };
  const state = toldState(columns.status);
  if (state === undefined) return { why: noStatus(columns.status) };
  const started_ms = toldTime(columns.started_at);
  const told_ms = toldTime(columns.updated_at) ?? started_ms;
  if (told_ms === null) return { why: 'it has neither an updated_at nor a started_at' };
  const ended = state === 'COMPLETED' || state === 'FAILED';
  return {
    job_id,
    state,
    told_ms,
    worker_id: toldWorker(columns.worker_id),
    started_ms,
    ended_ms: ended ? told_ms : null,
    percentage: toldPercentage(columns.percentage),
    stage: null,
    audio_duration: null,
    duration: null,
    segments: null,
    s3_path: null,
    error: state === 'FAILED' ? toldText(columns.error_message, 4000) : null,
  };
}

/** DynamoDB: the key is `job_id`; the other attributes have the columns' names. Times are `2025-07-07T19:30:00.000Z`. */
export const dynamoCreateTable = (table: string) => ({
  TableName: table,
  AttributeDefinitions: [{ AttributeName: 'job_id', AttributeType: 'S' as const }],
  KeySchema: [{ AttributeName: 'job_id', KeyType: 'HASH' as const }],
  BillingMode: 'PAY_PER_REQUEST' as const,
});

type Attribute = { S: string } | { N: string };

/**
 * Parameters of UpdateItem: sets what is known and keeps the rest. A ConditionalCheckFailedException is no error: the item is
 * another worker's and newer.
 */
export function dynamoUpdate(table: string, sighting: Sighting) {
  const { job_id, worker_id, state, started_ms, told_ms, percentage, error } = sighting;
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
  const mine = worker_id === null ? '' : ' OR #worker_id = :worker_id';
  return {
    TableName: table,
    Key: { job_id: { S: job_id } },
    UpdateExpression: `SET ${names.map((name) => `#${name} = :${name}`).join(', ')}${remove}`,
    ConditionExpression: `attribute_not_exists(#updated_at) OR #updated_at <= :updated_at${mine}`,
    ExpressionAttributeNames: Object.fromEntries(
      [...names, ...(remove === '' ? [] : ['error_message'])].map((name) => [`#${name}`, name]),
    ),
    ExpressionAttributeValues: Object.fromEntries(names.map((name) => [`:${name}`, set[name]!])),
  };
}

/** Parameters of Scan: all items told of since then, and such as never told a time. */
export const dynamoSince = (table: string, since_ms: number) => ({
  TableName: table,
  FilterExpression: 'attribute_not_exists(#updated_at) OR #updated_at >= :since',
  ExpressionAttributeNames: { '#updated_at': 'updated_at' },
  ExpressionAttributeValues: { ':since': { S: dynamoTime(since_ms) } },
});

/** An item of Scan as `readRow` takes it. */
export function dynamoRow(item: Readonly<Record<string, object>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, Object.values(value)[0]]));
}

/** Always with milliseconds: DynamoDB compares them as text. */
const dynamoTime = (time_ms: number): string => new Date(time_ms).toISOString();
