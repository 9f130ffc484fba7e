/** Statements with which Athena and DuckDB read the column files of a store, without a monitor: `tmon analytics ddl`. */
import { resolve } from 'node:path';
import { type Column, type ColumnType, TABLES, type TableName } from './tables.ts';

const NAMES = Object.keys(TABLES) as TableName[];

/** Hive's, which Athena uses in its DDL. */
const ATHENA_TYPES: Readonly<Record<ColumnType, string>> = {
  text: 'string',
  texts: 'array<string>',
  integer: 'bigint',
  number: 'double',
  time: 'timestamp',
};

const BESIDES = `\
-- Only jobs that a column file has are seen here: those that left the monitor's memory, a day (--finished-window-ms) after
-- their end, and then at most an hour later; failed ones once they are no dead letters any more (--dlq-window-ms, 14 days).
-- While files are merged, rows are for a moment in two of them; a job that came back after it had left memory keeps its
-- earlier row until that file is written again, within minutes.
-- \`tmon sql\` and POST /api/v1/analytics/sql see every job once, and as it is now.
`;

/** The location of a table: `s3://bucket/prefix/analytics/job_states/`, or a path. */
function locationOf(store: string, table: TableName): string {
  const root = /^s3:/i.test(store) ? store.replace(/\/+$/, '') : resolve(store.replace(/^dir:/, ''));
  return `${root}/analytics/${table}/`;
}

/** Partition projection computes the partitions from the dates, so that no crawler has to find them. */
export function athenaStatements(store: string, first_day: string): string {
  return [BESIDES, ...NAMES.map((name) => athenaTable(name, locationOf(store, name), first_day))].join('\n');
}

function athenaTable(name: TableName, location: string, first_day: string): string {
  const columns = TABLES[name].map((column) => `  \`${column.name}\` ${ATHENA_TYPES[column.type]}${commentOf(column)}`);
  return `\
CREATE EXTERNAL TABLE IF NOT EXISTS ${name} (
${columns.join(',\n')}
)
PARTITIONED BY (\`date\` string COMMENT 'The day on which the job ended, UTC: WHERE "date" >= '2025-07-01' reads less.')
STORED AS PARQUET
LOCATION ${hiveText(location)}
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.date.type' = 'date',
  'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '${first_day},NOW',
  'projection.date.interval' = '1',
  'projection.date.interval.unit' = 'DAYS',
  'storage.location.template' = ${hiveText(`${location}date=\${date}/`)}
);
`;
}

const commentOf = ({ meaning }: Column): string => ` COMMENT ${hiveText(meaning)}`;

const hiveText = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;

/** Views over all column files; `date` is the day of a file, by which DuckDB leaves files out. */
export function duckdbStatements(store: string): string {
  const bucket = /^s3:/i.test(store)
    ? `INSTALL httpfs;\nLOAD httpfs;\nCREATE OR REPLACE SECRET tmon (TYPE s3, PROVIDER credential_chain);\n`
    : '';
  return [BESIDES, ...(bucket ? [bucket] : []), ...NAMES.map((name) => duckdbView(name, locationOf(store, name)))].join(
    '\n',
  );
}

function duckdbView(name: TableName, location: string): string {
  const columns = TABLES[name].map((column) => `  ${column.name}`);
  const files = `'${`${location}date=*/*.parquet`.replaceAll("'", "''")}'`;
  return `\
CREATE OR REPLACE VIEW ${name} AS SELECT
${columns.join(',\n')},
  date
FROM read_parquet(${files}, hive_partitioning = true, hive_types = {date: DATE});
`;
}
