/**
 * Makes the column files of a day again whose file is missing or damaged: from the packs, which have the records of every row.
 */
import { MonitorError } from '../../../protocol/errors.ts';
import { DAY_MS } from '../../../protocol/time.ts';
import { dayOf } from '../../state-machine/apply/archive.ts';
import type { ColumnFile, JobRecord } from '../../state-machine/state/records.ts';
import type { AnalyticsReader } from '../reader.ts';
import { parseColumnKey } from './keys.ts';

export const isColumnDamage = (error: unknown): error is MonitorError =>
  error instanceof MonitorError && error.code === 'columns_damaged';

export type Healing = { day: number; replaces: ColumnFile[]; records: JobRecord[]; strays: string[] };

/** null: the journal does not name that file any more. Throws MonitorError('corrupt') if a pack is damaged, too. */
export async function healingFor(reader: AnalyticsReader, damage: MonitorError): Promise<Healing | null> {
  const { tables } = reader.state;
  const name = parseColumnKey(String(damage.extra?.key))?.name;
  const file = name === undefined ? undefined : tables.column_files.get(name);
  if (!file) return null;
  const { day } = file;
  const from_ms = day * DAY_MS;
  const packs = [...tables.packs.values()].filter(
    ({ in_columns, first_ms, last_ms }) => in_columns && first_ms < from_ms + DAY_MS && last_ms >= from_ms,
  );
  const replaces = [...tables.column_files.values()].filter((one) => one.day === day);
  const strays = [...tables.column_strays.entries()].flatMap(([job_id, of]) => (of === day ? [job_id] : []));
  const records: JobRecord[] = [];
  for (const pack of packs) for (const job of await reader.recordsOf(pack)) if (dayOf(job) === day) records.push(job);
  return { day, replaces, records, strays };
}
