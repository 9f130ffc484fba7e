/**
 * The SQL of times in a table: columns that are times, numbers since 1970, or text. A table made by an ORM or by hand may have any of
 * them; only values that the database can compare are filtered there, the rest is left to the reader.
 */

/** `mysql`: MariaDB too. */
export type Dialect = 'postgres' | 'sqlite' | 'mysql';

/** `number`: seconds, milliseconds, microseconds or nanoseconds since 1970, by size. */
export type TimeKind = 'time' | 'number' | 'text';

export type TimeSql = {
  /** Milliseconds since 1970, or what `lenientTime` reads. */
  read: string;
  absent: string;
  /** At or after the parameter, as far as the database can tell. */
  since: string;
  order: string;
};

export const PARAMETER: Record<Dialect, string> = { postgres: '$1::float8', sqlite: '?', mysql: '?' };

export const timeSql = (dialect: Dialect, kind: TimeKind, column: string): TimeSql =>
  column === 'NULL' ? NONE : TIMES[dialect][kind](column);

const NONE: TimeSql = { read: 'NULL', absent: '1 = 1', since: '1 = 0', order: 'NULL' };

/** As `epochTime` reads it. */
const milliseconds = (value: string): string =>
  `CASE WHEN ${value} < 1e10 THEN ${value} * 1000.0 WHEN ${value} < 1e13 THEN ${value} WHEN ${value} < 1e16 THEN ${value} / 1000.0 ELSE ${value} / 1e6 END`;

/** Text of another zone, and of any time of the day: only whole days well before are left out. */
const ISO_DATE = '^[0-9]{4}-[0-9]{2}-[0-9]{2}';

const sqliteTime = (column: string): TimeSql => ({
  read: column,
  absent: `julianday(${column}) IS NULL`,
  since: `julianday(${column}) >= julianday(? / 1000.0, 'unixepoch') - 1e-8`,
  order: `julianday(${column})`,
});

const TIMES: Record<Dialect, Record<TimeKind, (column: string) => TimeSql>> = {
  postgres: {
    time: (column) => ({
      read: `ROUND(EXTRACT(EPOCH FROM ${column}::timestamptz) * 1000)::float8`,
      absent: `${column} IS NULL`,
      since: `${column} >= to_timestamp($1::float8 / 1000)::timestamp`,
      order: `${column} NULLS FIRST`,
    }),
    number: (column) => ({
      read: `${column}::float8`,
      absent: `${column} IS NULL OR ${column} < 1e9`,
      since: `${milliseconds(column)} >= $1::float8`,
      order: `${column} NULLS FIRST`,
    }),
    text: (column) => ({
      read: `${column}::text`,
      absent: `${column} IS NULL`,
      since: `${column}::text !~ '${ISO_DATE}' OR LEFT(${column}::text, 10) >= to_char(to_timestamp($1::float8 / 1000) - INTERVAL '2 days', 'YYYY-MM-DD')`,
      order: `${column}::text NULLS FIRST`,
    }),
  },
  // SQLite has no time type: times are text in the format of its own functions, or numbers.
  sqlite: { time: sqliteTime, number: sqliteTime, text: sqliteTime },
  mysql: {
    time: (column) => ({
      read: `UNIX_TIMESTAMP(${column}) * 1000`,
      absent: `${column} IS NULL`,
      since: `${column} >= FROM_UNIXTIME(FLOOR(CAST(? AS DECIMAL(20)) / 1000))`,
      order: column,
    }),
    number: (column) => ({
      read: `${column} + 0`,
      absent: `${column} IS NULL OR ${column} < 1e9`,
      since: `${milliseconds(column)} >= ?`,
      order: column,
    }),
    text: (column) => ({
      read: `CAST(${column} AS CHAR)`,
      absent: `${column} IS NULL`,
      since: `CAST(${column} AS CHAR) NOT REGEXP '${ISO_DATE}' OR LEFT(CAST(${column} AS CHAR), 10) >= DATE_FORMAT(FROM_UNIXTIME(FLOOR(CAST(? AS DECIMAL(20)) / 1000)) - INTERVAL 2 DAY, '%Y-%m-%d')`,
      order: column,
    }),
  },
};
