/** Rows of a `job_status` table of any database, and the time from which to read on. */
import { readRow, type TableShape, type TimeKinds } from '../protocol/job-status-rows.ts';
import { isWithoutZone, lenientTime, lenientWorkerId } from '../protocol/lenient-values.ts';
import type { Sighting } from '../protocol/sighting.ts';
import { type Reading, type ReadOptions, rowOf, type Sums, type Unreadable } from './source.ts';
import { TextTimes } from './text-times.ts';

/** `updated_at` is written by workers, whose clocks differ, and rows become visible only when committed. */
const OVERLAP_MS = 10 * 60_000;

/** The newest `updated_at` read, in milliseconds, and how this read takes times that are text. */
export class TablePosition {
  newest_ms: number;
  readonly times = new TextTimes();

  constructor(from: string | null | undefined) {
    this.newest_ms = from == null ? 0 : Number(from);
  }
}

export function sinceOf({ since_ms, from }: ReadOptions): number {
  return from == null ? since_ms : Math.max(since_ms, Number(from) - OVERLAP_MS);
}

/** The same for a database that compares times as UTC text: those of another zone are up to so much earlier. */
export function sinceInText(options: ReadOptions, { zone = 0 }: TableShape): number {
  return Math.max(0, sinceOf(options) - (zone === 0 ? 0 : ZONE_MS_MAX));
}

const ZONE_MS_MAX = 15 * 3_600_000;

/** `kinds`: of the columns, in a database that has types; undefined in another, whose text may name its zone. */
export function readRows(
  rows: readonly object[],
  position: TablePosition,
  shape: TableShape,
  kinds?: TimeKinds,
): Reading {
  const sightings: Sighting[] = [];
  const unreadable: Unreadable[] = [];
  const notes = position.times.take(rows, shape, kinds ?? {});
  const options = { ...shape, day_first: position.times.day_first };
  let without_zone = kinds !== undefined && kinds.updated_at !== 'number';
  for (const row of rows) {
    const report = readRow(row, options);
    if ('why' in report) unreadable.push({ where: rowOf((row as { job_id?: unknown }).job_id), why: report.why });
    else {
      sightings.push(report);
      position.newest_ms = Math.max(position.newest_ms, report.told_ms);
      if (kinds === undefined && report.state === 'PROCESSING') {
        without_zone ||= isWithoutZone((row as { updated_at?: unknown }).updated_at);
      }
    }
  }
  return {
    sightings,
    position: position.newest_ms === 0 ? null : String(position.newest_ms),
    unreadable,
    looked_at: rows.length,
    without_zone: without_zone && shape.zone === undefined,
    notes,
    async done() {},
  };
}

/** Of the rows of `sumSql`. */
export function readSums(rows: readonly object[], { zone }: TableShape): Sums {
  const sums = { jobs: 0, heard_ms: new Map<string, number>() };
  for (const row of rows as { worker_id: unknown; jobs: unknown; heard_at: unknown }[]) {
    sums.jobs += Number(row.jobs);
    const worker_id = lenientWorkerId(row.worker_id);
    const heard_ms = lenientTime(row.heard_at, zone);
    if (worker_id === null || heard_ms === null) continue;
    sums.heard_ms.set(worker_id, Math.max(sums.heard_ms.get(worker_id) ?? 0, heard_ms));
  }
  return sums;
}
