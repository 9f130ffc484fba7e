/**
 * The jobs that use an upload: a numbered list of objects in the store, each created with put-if-absent.
 *
 *     uses/000001.json   {"job_ids": ["job-01…"]}
 *     uses/000002.json   {"job_ids": ["job-02…", "job-03…"]}
 *     uses/000003.json   {"removed": true}
 *
 * A submission appends its jobs; the cleanup appends `removed` before it deletes anything. Each number is created once,
 * so the two are ordered whatever their timing: the cleanup sees the jobs submitted before it, and later submissions
 * are refused. Nothing is ever appended after `removed`.
 */
import { MonitorError } from '../../protocol/errors.ts';
import type { ObjectStore } from '../objects/store.ts';
import { parseUploadKey, useKey, usesPrefix } from './keys.ts';

type Use = { job_ids: string[] } | { removed: true };

/** Throws MonitorError `upload_not_found` if the upload has been removed. */
export async function recordUse(store: ObjectStore, upload_id: string, job_ids: readonly string[]): Promise<void> {
  const bytes = bytesOf({ job_ids: [...job_ids] });
  let number = 1;
  while (!(await store.putIfAbsent(useKey(upload_id, number), bytes)).created) {
    // The listing is only a hint of where the list ends; the puts decide.
    if (number === 1) number = await lastListed(store, upload_id);
    if ((await readUse(store, upload_id, number)) === 'removed') {
      throw new MonitorError('not_found', 'upload_not_found', `the upload ${upload_id} has been removed`, {
        hint: 'Upload the file again.',
      });
    }
    number += 1;
  }
}

/** Closes the list if its last number is still `last`. Returns whether the upload may be deleted. */
export async function endUses(store: ObjectStore, upload_id: string, last: number): Promise<boolean> {
  const { created } = await store.putIfAbsent(useKey(upload_id, last + 1), bytesOf({ removed: true }));
  return created || (await readUse(store, upload_id, last + 1)) === 'removed';
}

/**
 * Returns the jobs of one number, 'removed' if it closes the list, undefined if the object is missing. Throws if it is
 * damaged.
 */
export async function readUse(
  store: ObjectStore,
  upload_id: string,
  number: number,
): Promise<string[] | 'removed' | undefined> {
  const got = await store.get(useKey(upload_id, number));
  if (!got.found) return undefined;
  const use = JSON.parse(Buffer.from(got.bytes).toString()) as Use;
  return 'removed' in use ? 'removed' : use.job_ids;
}

async function lastListed(store: ObjectStore, upload_id: string): Promise<number> {
  let last = 1;
  for await (const { key } of store.list(usesPrefix(upload_id))) {
    const parsed = parseUploadKey(key);
    if (parsed?.what === 'use') last = Math.max(last, parsed.number);
  }
  return last;
}

const bytesOf = (use: Use): Buffer => Buffer.from(`${JSON.stringify(use)}\n`);

/** The size that distinguishes `removed` from a use in a listing. */
export const REMOVED_BYTES = bytesOf({ removed: true }).length;
