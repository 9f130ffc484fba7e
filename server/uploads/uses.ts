/**
 * The jobs that use an upload: a numbered list of objects in the store, each created with put-if-absent.
 *
 *     uses/000001.json   {"upload_id": "upload-01…", "job_ids": ["job-01…"], "sha256": "…"}
 *     uses/000002.json   {"upload_id": "upload-01…", "job_ids": ["job-02…", "job-03…"], "sha256": "…"}
 *     uses/000003.json   {"upload_id": "upload-01…", "removed": true, "sha256": "…"}
 *
 * A submission appends its jobs; the cleanup appends `removed` before it deletes anything. Each number is created once,
 * so the two are ordered whatever their timing: the cleanup sees the jobs submitted before it, and later submissions
 * are refused. Nothing is ever appended after `removed`.
 */
import { MonitorError } from '../../protocol/errors.ts';
import type { ObjectStore } from '../objects/store.ts';
import { sealFields, unseal } from '../sealed-json.ts';
import { parseUploadKey, partKey, useKey, usesPrefix } from './keys.ts';
import { damaged } from './parts.ts';

/** Older versions wrote neither `upload_id` nor a hash. */
type Use = { upload_id?: string; job_ids?: string[]; removed?: true };

const FIELDS_BEFORE = ['job_ids', 'removed'];

/** Throws MonitorError: `upload_not_found` if the upload has been removed, `upload_damaged`. */
export async function recordUse(store: ObjectStore, upload_id: string, job_ids: readonly string[]): Promise<void> {
  const bytes = sealFields({ upload_id, job_ids: [...job_ids] });
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
  const { created } = await store.putIfAbsent(useKey(upload_id, last + 1), removalOf(upload_id));
  return created || (await readUse(store, upload_id, last + 1)) === 'removed';
}

/**
 * Returns the jobs of one number, 'removed' if it closes the list, undefined if the object is missing. Throws
 * MonitorError `upload_damaged`.
 */
export async function readUse(
  store: ObjectStore,
  upload_id: string,
  number: number,
): Promise<string[] | 'removed' | undefined> {
  const key = useKey(upload_id, number);
  const got = await store.get(key);
  if (!got.found) return undefined;
  const use = unseal<Use>(got.bytes, FIELDS_BEFORE);
  const own = use && (use.upload_id === undefined || use.upload_id === upload_id);
  if (own && use.removed === true) return 'removed';
  if (own && Array.isArray(use.job_ids)) return use.job_ids;
  throw damaged(key, 'damaged');
}

/** The ids of all jobs that use the upload, oldest first. */
export async function* jobsUsing(store: ObjectStore, upload_id: string): AsyncGenerator<string> {
  for (let number = 1; ; number += 1) {
    const job_ids = await readUse(store, upload_id, number);
    if (job_ids === undefined || job_ids === 'removed') return;
    yield* job_ids;
  }
}

/** Whether the upload has parts and is not being removed. */
export async function wasStored(store: ObjectStore, upload_id: string): Promise<boolean> {
  if (!(await store.get(partKey(upload_id, 1))).found) return false;
  return (await readUse(store, upload_id, await lastListed(store, upload_id))) !== 'removed';
}

async function lastListed(store: ObjectStore, upload_id: string): Promise<number> {
  let last = 1;
  for await (const { key } of store.list(usesPrefix(upload_id))) {
    const parsed = parseUploadKey(key);
    if (parsed?.what === 'use') last = Math.max(last, parsed.number);
  }
  return last;
}

const removalOf = (upload_id: string): Buffer => sealFields({ upload_id, removed: true });

const REMOVAL_BYTES_BEFORE = '{"removed":true}\n'.length;

/** Whether an object of this size may close the list; a use has another size. */
export const maybeRemoval = (upload_id: string, size_bytes: number): boolean =>
  size_bytes === removalOf(upload_id).length || size_bytes === REMOVAL_BYTES_BEFORE;
