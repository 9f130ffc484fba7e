/**
 * `archive/periods/YYYY-MM-DD.json`: the sums of a day and of its hours, written once the day is over. The fold keeps
 * hours for 90 days and days for ten years; their views stay for ever, and can be made again from here.
 */

import { DAY_MS, HOUR_MS } from '../../protocol/time.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { PeriodRecord } from '../state-machine/state/records.ts';
import { State } from '../state-machine/state/state.ts';
import { ArchiveDamage, IS_DAMAGED } from './archive-objects.ts';
import { encodeRecord, parse } from './archived-records.ts';
import { ARCHIVED_PERIODS, archivedPeriodsKey } from './keys.ts';

type ArchivedDay = { day: number; sums: PeriodRecord; hours: [hour: number, sums: PeriodRecord][] };

const HOURS = DAY_MS / HOUR_MS;

/**
 * Archives the days that are over, from the one after `through`; returns the last day that is over. Costs nothing in
 * between.
 */
export async function archivePeriods(
  store: ObjectStore,
  { tables, at_ms }: State,
  through: number | null,
): Promise<number | null> {
  const over = Math.floor(at_ms / DAY_MS) - 1;
  if (through !== null && through >= over) return through;
  const first = tables.hours.minKey();
  if (first === undefined) return through;
  const from = Math.max(Math.floor(first / HOURS), (through ?? Number.NEGATIVE_INFINITY) + 1);
  const known = new Set<string>();
  if (through === null) {
    const after = archivedPeriodsKey(from - 1);
    for await (const { key } of store.list(ARCHIVED_PERIODS, { after })) known.add(key);
  }
  for (let day = from; day <= over; day++) {
    const sums = tables.days.get(day);
    if (!sums || known.has(archivedPeriodsKey(day))) continue;
    const archived: ArchivedDay = { day, sums, hours: [] };
    tables.hours.forRange(day * HOURS, (day + 1) * HOURS, false, (hour, hourSums) => {
      archived.hours.push([hour, hourSums]);
    });
    await store.putIfAbsent(archivedPeriodsKey(day), encodeRecord(archived));
  }
  return over;
}

/** A state with only this day and its hours, all of them over; undefined if the day is not archived. */
export async function readArchivedPeriods(store: ObjectStore, day: number): Promise<State | undefined> {
  const key = archivedPeriodsKey(day);
  const got = await store.get(key);
  if (!got.found) return undefined;
  const archived = parse<ArchivedDay>(got.bytes);
  if (!archived?.sums || archived.day !== day || !Array.isArray(archived.hours)) {
    throw new ArchiveDamage(
      key,
      IS_DAMAGED,
      'Restore it from a copy of the store, or delete it to abandon those sums.',
    );
  }
  const state = new State();
  state.scalars.at_ms = (day + 1) * DAY_MS;
  state.tables.days.set(day, archived.sums);
  for (const [hour, sums] of archived.hours) state.tables.hours.set(hour, sums);
  return state;
}
