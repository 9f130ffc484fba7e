/**
 * Deletes the upload of erased jobs, unless another job uses it: at once, and not after the time for which uploads are kept
 * (cleanup.ts). The list of uses is closed first, so that a submission at the same moment is refused; it has ids alone, and
 * the cleanup deletes it a day later.
 */
import { MonitorError } from '../../protocol/errors.ts';
import { HOUR_MS } from '../../protocol/time.ts';
import type { Engine } from '../engine.ts';
import type { ObjectStore } from '../objects/store.ts';
import { isErased } from '../state-machine/state/erasures.ts';
import { findArchivedJob } from '../views/archived-records.ts';
import { manifestKey, noteKey, parseUploadKey, partKey, usesPrefix } from './keys.ts';
import { readManifest } from './parts.ts';
import { endUses, readUse } from './uses.ts';

type Options = { store: ObjectStore; engine: Pick<Engine, 'state' | 'journal'> };

/** A job that is known nowhere may be of a submission that is being written. */
const UNDER_WAY_MS = HOUR_MS;

/**
 * `deleted`, also if there is nothing left; `shared`: jobs that were not erased use it, and the last of them to be erased takes
 * it along; `later`: a submission may be about to use it. Throws MonitorError `upload_damaged`.
 */
export async function eraseUpload(options: Options, upload_id: string): Promise<'deleted' | 'shared' | 'later'> {
  const { store } = options;
  const { server_ms } = await store.get(manifestKey(upload_id));
  let last = 0;
  for await (const { key, last_modified_ms } of store.list(usesPrefix(upload_id))) {
    const parsed = parseUploadKey(key);
    if (parsed?.what !== 'use') continue;
    last = parsed.number;
    const job_ids = await readUse(store, upload_id, last);
    if (job_ids === undefined || job_ids === 'removed') continue;
    const use = await usedBy(options, job_ids, server_ms - last_modified_ms);
    if (use !== 'over') return use;
  }
  if (!(await endUses(store, upload_id, last))) return 'later';
  const { note, parts } = await readManifest(store, upload_id).catch(goneAlready);
  if (note !== undefined) await store.delete(noteKey(note));
  await store.delete(manifestKey(upload_id));
  for (let part = 1; part <= parts; part++) await store.delete(partKey(upload_id, part));
  for await (const { key } of store.list(`uploads/${upload_id}/`)) {
    if (parseUploadKey(key)?.what === 'part') await store.delete(key);
  }
  return 'deleted';
}

async function usedBy(
  { store, engine }: Options,
  job_ids: readonly string[],
  age_ms: number,
): Promise<'over' | 'shared' | 'later'> {
  for (const job_id of job_ids) {
    if (isErased(engine.state, job_id)) continue;
    if (engine.state.job(job_id) || (await findArchivedJob({ engine, store }, job_id))) return 'shared';
    if (age_ms < UNDER_WAY_MS) return 'later';
  }
  return 'over';
}

function goneAlready(error: unknown): { note?: string; parts: number } {
  if (error instanceof MonitorError && error.kind === 'not_found') return { parts: 0 };
  throw error;
}
