/**
 * Merges the many small packs that jobs leave when they end one by one: those of a day once there are 16, or once the
 * day is over; those of a month after 35 days. A merged pack replaces its parts in one event.
 *
 * A pack is left alone for its first hour, so that a list which began before its jobs left memory can distinguish them.
 */
import { DAY_MS, HOUR_MS } from '../../protocol/time.ts';
import type { Engine } from '../engine.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { JobRecord, PackRecord } from '../state-machine/state/records.ts';
import { damageOf, readPack } from './archive-objects.ts';
import { submitOwn } from './own-command.ts';
import { writePack } from './packing.ts';

/** A pack with fewer jobs is small. */
const SMALL = 250;
/** Maximum size of a merged pack. */
const FULL = 1000;
const MANY = 16;
const REST_MS = HOUR_MS;
const DAY_OVER_MS = DAY_MS;
const MONTH_OVER_MS = 35 * DAY_MS;

type Merged = {
  /** Replaced packs. */
  replaced: string[];
};

/** Merges the packs of one day or month; null if none are due. `damaged`: unreadable packs, which are left alone. */
export async function mergePacks(
  { store, engine }: { store: ObjectStore; engine: Engine },
  damaged: Set<string>,
): Promise<Merged | null> {
  const { tables, scalars } = engine.state;
  const basis_seq = scalars.archive_seq;
  const made_ms = engine.journal.now();
  const group = nextGroup(tables.packs.values(), made_ms, damaged);
  if (!group) return null;
  const jobs: JobRecord[] = [];
  const replaces: string[] = [];
  for (const pack of group) {
    try {
      jobs.push(...(await readPack(store, pack)).jobs());
      replaces.push(pack.key);
    } catch (error) {
      damaged.add(damageOf(error).key);
    }
  }
  if (jobs.length === 0) for (const key of replaces) damaged.add(key);
  if (replaces.length < 2 || jobs.length === 0) return { replaced: [] };
  const { pack, jobs: sorted } = await writePack(store, jobs);
  const job_ids = sorted.map(({ job_id }) => job_id);
  await submitOwn(engine, { type: 'pack_archived', basis_seq, made_ms, pack, job_ids, replaces });
  if (engine.state.tables.packs.has(pack.key)) return { replaced: replaces };
  await store.delete(pack.key);
  return { replaced: [] };
}

/** Packs to be merged into one, by the time of their jobs' ends. */
export function nextGroup(
  packs: Iterable<PackRecord>,
  now_ms: number,
  damaged: ReadonlySet<string>,
): PackRecord[] | undefined {
  const groups = new Map<string, PackRecord[]>();
  for (const pack of packs) {
    const rested_ms = now_ms - pack.archived_ms;
    if (rowsOf(pack) >= SMALL || rested_ms < REST_MS || damaged.has(pack.key)) continue;
    const period = rested_ms < MONTH_OVER_MS ? dateOf(pack.first_ms) : dateOf(pack.first_ms).slice(0, 7);
    // Either all jobs of a merged pack have rows in the column files or none has.
    const name = `${period} ${pack.in_columns}`;
    const group = groups.get(name);
    if (group) group.push(pack);
    else groups.set(name, [pack]);
  }
  for (const group of groups.values()) {
    const over = group.every(({ archived_ms }) => now_ms - archived_ms >= DAY_OVER_MS);
    if (group.length < (over ? 2 : MANY)) continue;
    const some = fitting(group);
    if (some.length > 1) return some;
  }
  return undefined;
}

/** The smallest first, so that two fit if any two do. */
function fitting(group: readonly PackRecord[]): PackRecord[] {
  const some: PackRecord[] = [];
  let rows = 0;
  for (const pack of [...group].sort((a, b) => rowsOf(a) - rowsOf(b))) {
    rows += rowsOf(pack);
    if (rows > FULL) break;
    some.push(pack);
  }
  return some;
}

const rowsOf = ({ count, stale }: PackRecord): number => count - stale.length;

const dateOf = (time_ms: number): string =>
  new Date(Math.min(Math.max(time_ms, 0), 253_402_300_799_999)).toISOString().slice(0, 10);
