/**
 * Completed jobs of the table `job_status` as sums: a history has a million of them, of which `tmon check` only needs the number, and when
 * each worker last reported one. What a database might read otherwise than we do is left to `rowsSince`.
 */
import {
  columnSql,
  type Dialect,
  type JobStatusColumn,
  literal,
  nameOfColumn,
  type TableShape,
  tableName,
  textOf,
} from './job-status-rows.ts';
import { completedSpellings } from './status-words.ts';

/** In milliseconds since 1970; `to_ms` is excluded. */
export type SumSpan = { from_ms: number; to_ms: number };

/** By worker: worker_id, jobs, heard_at (as `updated_at` of `rowsSince`). `condition`: of the rows that are in a sum. */
export type SumSql = { condition: string; sums: string };

/** Null if its times can only be compared once they are read. */
export function sumSql(dialect: Dialect, shape: TableShape, span: SumSpan): SumSql | null {
  // SQLite does not know the zones of texts.
  if (dialect === 'sqlite' && shape.zone !== undefined) return null;
  if (nameOfColumn(shape, 'updated_at') === null || span.from_ms >= span.to_ms) return null;
  const at = (column: JobStatusColumn): string => columnSql(dialect, shape, column);
  const words = completedSpellings(shape.states).map(literal).join(', ');
  const { isName, isBetween, lastOf } = FORMS[dialect];
  const condition = `(LOWER(${textOf(dialect, at('status'))}) IN (${words})
   AND ${isName(textOf(dialect, at('job_id')))}
   AND ${isBetween(at('updated_at'), span)})`;
  const worker = at('worker_id');
  const named = dialect === 'mysql' && worker !== 'NULL' ? `MIN(${worker})` : worker;
  // MySQL takes W1 and w1 for the same.
  const groups = worker === 'NULL' ? '' : `\nGROUP BY ${dialect === 'mysql' ? `BINARY ${worker}` : worker}`;
  const sums = `SELECT ${named} AS worker_id, COUNT(*) AS jobs, ${lastOf(at('updated_at'))}
FROM ${tableName(dialect, shape)}
WHERE ${condition}${groups}`;
  return { condition, sums };
}

/** Returns a row if a job has one row at most: an index says so. Rows of the same job have to be merged. */
export function isUniqueSql(dialect: Dialect, shape: TableShape): string {
  const column = literal(nameOfColumn(shape, 'job_id')!);
  const parts = shape.table.split('.');
  const table = literal(parts.at(-1)!);
  const schema = parts.length > 1 ? literal(parts[0]!) : null;
  switch (dialect) {
    case 'sqlite': {
      const of = schema === null ? table : `${table}, ${schema}`;
      return `SELECT 1 AS is_unique FROM (
  SELECT MAX(CASE WHEN pk > 0 THEN LOWER(name) END) AS name FROM pragma_table_info(${of}) HAVING SUM(pk > 0) = 1
  UNION ALL
  SELECT (SELECT MAX(LOWER(name)) FROM pragma_index_info(list.name) HAVING COUNT(*) = 1)
  FROM pragma_index_list(${of}) AS list WHERE list."unique" = 1 AND list.partial = 0
) WHERE name = LOWER(${column})`;
    }
    case 'postgres':
      return `SELECT 1 AS is_unique FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
WHERE indrelid = to_regclass(${literal(tableName(dialect, shape))}) AND indisunique AND indisvalid AND indnkeyatts = 1
  AND indpred IS NULL AND attname = ${column}`;
    case 'mysql':
      return `SELECT 1 AS is_unique FROM information_schema.statistics
WHERE table_schema = ${schema ?? 'DATABASE()'} AND table_name = ${table}
GROUP BY index_name HAVING MAX(non_unique) = 0 AND COUNT(*) = 1 AND MAX(column_name) = ${column}`;
  }
}

type Forms = {
  /** Whether it names a job in our eyes too. */
  isName(text: string): string;
  isBetween(column: string, span: SumSpan): string;
  lastOf(column: string): string;
};

const FORMS: Record<Dialect, Forms> = {
  postgres: {
    isName: (text) => `${text} ~ '^[0-9A-Za-z]' AND LENGTH(${text}) <= 200`,
    isBetween: (column, { from_ms, to_ms }) =>
      `${column} >= to_timestamp(${from_ms / 1000})::timestamp AND ${column} < to_timestamp(${to_ms / 1000})::timestamp`,
    lastOf: (column) => `ROUND(EXTRACT(EPOCH FROM MAX(${column})::timestamptz) * 1000)::float8 AS heard_at`,
  },
  // Other columns than the greatest are of its row.
  sqlite: {
    isName: (text) => `${text} GLOB '[0-9A-Za-z]*' AND LENGTH(${text}) <= 200`,
    isBetween: (column, { from_ms, to_ms }) =>
      `${column} GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][ T][0-9][0-9]:[0-9][0-9]:[0-9][0-9]*'
   AND julianday(${column}) BETWEEN julianday(${from_ms} / 1000.0, 'unixepoch') AND julianday(${to_ms} / 1000.0, 'unixepoch')`,
    lastOf: (column) => `${column} AS heard_at, MAX(julianday(${column})) AS heard`,
  },
  mysql: {
    isName: (text) => `${text} REGEXP '^[0-9A-Za-z]' AND CHAR_LENGTH(${text}) <= 200`,
    isBetween: (column, { from_ms, to_ms }) =>
      `${column} >= FROM_UNIXTIME(${Math.ceil(from_ms / 1000)}) AND ${column} < FROM_UNIXTIME(${Math.floor(to_ms / 1000)})`,
    lastOf: (column) => `UNIX_TIMESTAMP(MAX(${column})) * 1000 AS heard_at`,
  },
};
