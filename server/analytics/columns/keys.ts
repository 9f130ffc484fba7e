/** The keys of column files: `analytics/job_states/date=2025-07-07/NAME.parquet`, and the same under `job_attempts`. */
import { DAY_MS, formatTime } from '../../../protocol/time.ts';
import type { ColumnFile } from '../../state-machine/state/records.ts';
import { TABLES, type TableName } from '../tables.ts';

export const ANALYTICS = 'analytics/';

export const tablePrefix = (table: TableName): string => `${ANALYTICS}${table}/`;

export function columnKey(table: TableName, { name, day }: Pick<ColumnFile, 'name' | 'day'>): string {
  return `${tablePrefix(table)}date=${formatTime(day * DAY_MS).slice(0, 10)}/${name}.parquet`;
}

/** The name of the file with this key; null if it is none. */
export function parseColumnKey(key: string): { table: TableName; name: string } | null {
  const [, table, name] = /^analytics\/([a-z_]+)\/date=\d{4}-\d\d-\d\d\/([0-9A-Z]+)\.parquet$/.exec(key) ?? [];
  return name !== undefined && table !== undefined && table in TABLES ? { table: table as TableName, name } : null;
}
