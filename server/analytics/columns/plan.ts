/**
 * Which column files to write next. A pure function of the fold, of which the first of these is done:
 *
 *     a job whose row is in a file has returned to memory   → the files of that day, without the row, as one
 *     enough archived jobs have no row yet                  → a file for each day on which some of them ended
 *     a day has many small files                            → one of them all
 *
 * Files are merged by tiers of size, so that a row is written three or four times however many jobs a day has.
 */
import { DAY_MS, HOUR_MS } from '../../../protocol/time.ts';
import type { ColumnFile, PackRecord } from '../../state-machine/state/records.ts';
import type { State } from '../../state-machine/state/state.ts';

export type ColumnsPlan = {
  /** Their jobs are added. */
  packs: readonly PackRecord[];
  /** Their rows are kept, in another file. */
  rewrite: readonly ColumnFile[];
  /** Except those of these jobs. */
  strays: readonly string[];
};

/** Archived jobs wait until there are so many, or for so long: queries read them from their packs meanwhile. */
const ROWS_MIN = 5_000;
const WAIT_MS = HOUR_MS;
/** Of one turn. */
const ROWS_MAX = 50_000;
const DAYS_MAX = 8;
const MERGED_AT_ONCE = 8;
const MERGED_ROWS_MAX = 2_000_000;
/** After the day is over its small files become one. */
const OVER_MS = 2 * HOUR_MS;
const SMALL = 100_000;

/** null: nothing is due. */
export function planColumns({ tables }: State, now_ms: number): ColumnsPlan | null {
  const files = byDay(tables.column_files.values());
  if (tables.column_strays.size > 0) return withoutStrays([...tables.column_strays.entries()], files);
  const packs = duePacks(tables.packs.values(), now_ms);
  if (packs.length > 0) return { packs, rewrite: [], strays: [] };
  const rewrite = nextMerge(files, now_ms);
  return rewrite ? { packs: [], rewrite, strays: [] } : null;
}

function withoutStrays(strays: readonly [string, number][], files: ReadonlyMap<number, ColumnFile[]>): ColumnsPlan {
  const days = new Set([...new Set(strays.map(([, day]) => day))].slice(0, DAYS_MAX));
  return {
    packs: [],
    rewrite: [...days].flatMap((day) => files.get(day) ?? []),
    strays: strays.filter(([, day]) => days.has(day)).map(([job_id]) => job_id),
  };
}

/** The oldest first. */
function duePacks(packs: Iterable<PackRecord>, now_ms: number): PackRecord[] {
  const waiting = [...packs].filter(({ in_columns }) => !in_columns).sort((a, b) => a.archived_ms - b.archived_ms);
  const rows = waiting.reduce((sum, pack) => sum + rowsOf(pack), 0);
  const [oldest] = waiting;
  if (!oldest || (rows < ROWS_MIN && now_ms - oldest.archived_ms < WAIT_MS)) return [];
  let taken = 0;
  return waiting.filter((pack, index) => {
    taken += rowsOf(pack);
    return index === 0 || taken <= ROWS_MAX;
  });
}

function nextMerge(files: ReadonlyMap<number, ColumnFile[]>, now_ms: number): ColumnFile[] | null {
  for (const [day, ofDay] of files) {
    const over = now_ms - (day + 1) * DAY_MS > OVER_MS;
    const group = over ? fitting(ofDay.filter(isSmall), 2) : null;
    const tiers = group ? [group] : tiersOf(ofDay).map((tier) => fitting(tier, MERGED_AT_ONCE));
    for (const some of tiers) if (some) return some;
  }
  return null;
}

/** The smallest first, as many as one file may have; null if these are fewer than `least`. */
function fitting(files: readonly ColumnFile[], least: number): ColumnFile[] | null {
  let rows = 0;
  const some = [...files]
    .sort((a, b) => a.rows - b.rows)
    .filter((file) => {
      rows += file.rows;
      return rows <= MERGED_ROWS_MAX;
    });
  return some.length >= least ? some : null;
}

/** Each eight times as large as the one before. */
function tiersOf(files: readonly ColumnFile[]): ColumnFile[][] {
  return [
    ...Map.groupBy(files, ({ rows }) => Math.floor(Math.log(Math.max(1, rows)) / Math.log(MERGED_AT_ONCE))).values(),
  ];
}

const isSmall = ({ rows }: ColumnFile): boolean => rows < SMALL;

const byDay = (files: Iterable<ColumnFile>): Map<number, ColumnFile[]> => Map.groupBy(files, ({ day }) => day);

const rowsOf = ({ count, stale }: PackRecord): number => count - stale.length;
