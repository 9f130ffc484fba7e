/**
 * The time series of a range: from the fold and, for hours and days that memory has dropped, from `archive/periods/`. A
 * period in which nothing was counted or measured is left out.
 */
import type { MetricsPeriod } from '../../protocol/system.ts';
import { DAY_MS } from '../../protocol/time.ts';
import { eachAtOnce } from '../at-once.ts';
import { currentPeriod, periodDocument, periodsOf, STEP_MS, type Step } from '../documents/system.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { State } from '../state-machine/state/state.ts';
import { damageOf, type Unreadable } from './archive-objects.ts';
import { readArchivedPeriods } from './archived-periods.ts';
import { ARCHIVED_PERIODS, archivedPeriodsKey, parseArchiveKey } from './keys.ts';

/** Hours or days since 1970; `end` excluded. */
export type PeriodRange = { step: Step; first: number; end: number };

export type PeriodSeries = { items: MetricsPeriod[]; unreadable: Unreadable[] };

const READS_AT_ONCE = 16;

/** Throws StoreError. */
export async function periodSeries(store: ObjectStore, state: State, range: PeriodRange): Promise<PeriodSeries> {
  const dropped = periodsOf(state, range.step).minKey() ?? range.first;
  const older = { ...range, end: Math.min(range.end, dropped) };
  const { items, unreadable } = await archivedSeries(store, older);
  return { items: [...items, ...remembered(state, range)], unreadable };
}

function remembered(state: State, { step, first, end }: PeriodRange): MetricsPeriod[] {
  const current = Math.floor(state.at_ms / STEP_MS[step]);
  const items = documentsOf(state, { step, first, end: Math.min(end, current) });
  if (current < first || current >= end) return items;
  const open = currentPeriod(state, step);
  const empty = !periodsOf(state, step).has(current) && !open.worker_seconds_paid && !open.queue_depth_max;
  return empty ? items : [...items, open];
}

function documentsOf(state: State, { step, first, end }: PeriodRange): MetricsPeriod[] {
  const table = periodsOf(state, step);
  const items: MetricsPeriod[] = [];
  table.forRange(first, end, false, (period) => items.push(periodDocument(table, period, STEP_MS[step])));
  return items;
}

async function archivedSeries(store: ObjectStore, range: PeriodRange): Promise<PeriodSeries> {
  const days = new Map<number, MetricsPeriod[]>();
  const unreadable: Unreadable[] = [];
  await eachAtOnce(archivedDays(store, range), READS_AT_ONCE, async (day) => {
    try {
      const archived = await readArchivedPeriods(store, day);
      if (archived) days.set(day, documentsOf(archived, range));
    } catch (error) {
      unreadable.push(damageOf(error));
    }
  });
  const ordered = [...days.entries()].sort(([a], [b]) => a - b);
  return { items: ordered.flatMap(([, items]) => items), unreadable };
}

/** The days of the range that the archive has, in order. */
async function* archivedDays(store: ObjectStore, { step, first, end }: PeriodRange): AsyncGenerator<number> {
  if (first >= end) return;
  const dayOf = (period: number) => Math.floor((period * STEP_MS[step]) / DAY_MS);
  const after = archivedPeriodsKey(dayOf(first) - 1);
  for await (const { key } of store.list(ARCHIVED_PERIODS, { after })) {
    const entry = parseArchiveKey(key);
    if (entry?.kind !== 'periods') continue;
    if (entry.day > dayOf(end - 1)) return;
    yield entry.day;
  }
}
