/** Writes finished jobs into packs: each is written durably and read back before the journal names it. */
import { DAY_MS } from '../../protocol/time.ts';
import type { Engine } from '../engine.ts';
import { newUlid } from '../ids.ts';
import { type ObjectStore, StoreError } from '../objects/store.ts';
import type { Packed } from '../state-machine/decide/commands.ts';
import type { JobRecord, Pack } from '../state-machine/state/records.ts';
import { encodePack, endOf } from './pack.ts';

export type Written = { pack: Pack; jobs: JobRecord[] };

/** One pack for each day on which some of these ended: all in the store, but not yet in the journal. */
export async function packJobs(
  { store, engine }: { store: ObjectStore; engine: Pick<Engine, 'journal'> },
  jobs: readonly JobRecord[],
): Promise<Packed[]> {
  const made_ms = engine.journal.now();
  const packed: Packed[] = [];
  for (const sameDay of byDay(jobs)) {
    const { pack, jobs: sorted } = await writePack(store, sameDay);
    packed.push({ pack, made_ms, jobs: sorted.map(({ job_id, version }) => ({ id: job_id, version })) });
  }
  return packed;
}

/** Durably, and verified by reading it back. */
export async function writePack(store: ObjectStore, jobs: readonly JobRecord[]): Promise<Written> {
  const { pack, bytes, jobs: sorted } = encodePack(jobs, newUlid());
  await writeOnce(store, pack.key, bytes);
  return { pack, jobs: sorted };
}

export async function writeOnce(store: ObjectStore, key: string, bytes: Buffer): Promise<void> {
  await store.putIfAbsent(key, bytes);
  const there = await store.get(key);
  if (there.found && bytes.equals(there.bytes)) return;
  throw new StoreError('unavailable', 'store_lost_write', `${key} was written, but reads back differently`);
}

/** Groups jobs by the day of their end. */
export function byDay(jobs: readonly JobRecord[]): JobRecord[][] {
  const days = new Map<number, JobRecord[]>();
  for (const job of jobs) {
    const day = Math.floor(endOf(job) / DAY_MS);
    const sameDay = days.get(day);
    if (sameDay) sameDay.push(job);
    else days.set(day, [job]);
  }
  return [...days.values()];
}
