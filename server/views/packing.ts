/**
 * Writes finished jobs into packs: each pack durably, read back, and only then to be named by the journal.
 *
 * A job that a source reports again after it was archived continues in memory and is archived a second time. Its older record
 * is in an earlier pack: the journal marks it as replaced, and the views that only the older record has are removed.
 */
import { DAY_MS } from '../../protocol/time.ts';
import type { Engine } from '../engine.ts';
import { newUlid } from '../ids.ts';
import { type ObjectStore, StoreError } from '../objects/store.ts';
import type { Packed } from '../state-machine/decide/commands.ts';
import type { JobRecord, Pack, Replaced } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { damageOf, readPack } from './archive-objects.ts';
import { packOf, readLooseJob } from './archived-records.ts';
import { jobView } from './layout.ts';
import { encodePack, endOf } from './pack.ts';
import { encodeDocument, type Present } from './view.ts';

export type Written = { pack: Pack; jobs: JobRecord[] };

/**
 * One pack for each day on which some of these ended: all in the store, and nothing said of them yet. `removed` receives
 * the older records whose views were removed, also if it fails.
 */
export async function packJobs(
  { store, engine }: { store: ObjectStore; engine: Pick<Engine, 'state' | 'journal'> },
  jobs: readonly JobRecord[],
  removed: JobRecord[] = [],
): Promise<Packed[]> {
  const made_ms = engine.journal.now();
  const packed: Packed[] = [];
  for (const sameDay of byDay(jobs)) {
    const replaced: Replaced[] = [];
    for (const job of sameDay) {
      const key = await replaceOlder(store, engine.state, job, removed);
      if (key !== undefined) replaced.push([key, job.job_id]);
    }
    const { pack, jobs: sorted } = await writePack(store, sameDay);
    packed.push({ pack, made_ms, jobs: sorted.map(({ job_id, version }) => ({ id: job_id, version })), replaced });
  }
  return packed;
}

/** Writes the removed views of an older record again, whose job could not be archived anew. */
export async function restoreViews(store: ObjectStore, older: JobRecord, job: JobRecord): Promise<void> {
  for (const { key, document } of onlyIn(older, job)) await store.put(key, encodeDocument(document()));
}

/** Durably, and read back as it was written. */
export async function writePack(store: ObjectStore, jobs: readonly JobRecord[]): Promise<Written> {
  const { pack, bytes, jobs: sorted } = encodePack(jobs, newUlid());
  await writeOnce(store, pack.key, bytes);
  return { pack, jobs: sorted };
}

export async function writeOnce(store: ObjectStore, key: string, bytes: Buffer): Promise<void> {
  await store.putIfAbsent(key, bytes);
  const there = await store.get(key);
  if (there.found && bytes.equals(there.bytes)) return;
  throw new StoreError('unavailable', 'store_lost_write', `${key} was written, and reads otherwise`);
}

/** Those that ended on one day together. */
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

/** The key of the pack with an older record of this job, whose views are removed; undefined if there is none. */
async function replaceOlder(
  store: ObjectStore,
  state: State,
  job: JobRecord,
  removed: JobRecord[],
): Promise<string | undefined> {
  if (!mayHaveComeBack(job)) return undefined;
  const pack = await packOf(store, state, job.job_id).catch(ignoreDamage);
  const older = pack
    ? await readPack(store, pack).then((rows) => rows.find(job.job_id), ignoreDamage)
    : await looseOne(store, state, job);
  // While this was written another instance may have archived the job itself, or a later one of its id.
  if (older && older.version >= job.version) return undefined;
  if (older) {
    removed.push(older);
    for (const { key } of onlyIn(older, job)) await store.delete(key);
  }
  return pack?.key;
}

/** Ids of jobs that were submitted here are given once. */
const mayHaveComeBack = (job: JobRecord): boolean => job.observed !== null || job.run?.token === null;

async function looseOne(store: ObjectStore, state: State, job: JobRecord): Promise<JobRecord | undefined> {
  if (state.scalars.loose_jobs === 0) return undefined;
  return readLooseJob(store, job.job_id).catch(ignoreDamage);
}

/** The views that only the older record has. */
function onlyIn(older: JobRecord, job: JobRecord): Present[] {
  const { present, absent } = jobView(job);
  const known = new Set([...present.map(({ key }) => key), ...absent]);
  return jobView(older).present.filter(({ key }) => !known.has(key));
}

function ignoreDamage(error: unknown): undefined {
  damageOf(error);
}
