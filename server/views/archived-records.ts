/** Reads the archive's records: jobs, worker ends and alerts that have left memory. */
import { MonitorError } from '../../protocol/errors.ts';
import { isId } from '../../protocol/ids.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { AlertRecord, JobRecord, WorkerRecord } from '../state-machine/state/records.ts';
import { archivedAlertKey, archivedJobKey, archivedWorkerKey, archivedWorkerPrefix } from './keys.ts';

/** One object read. undefined: it was never archived. Throws MonitorError('corrupt') where the object is damaged. */
export async function readArchivedJob(store: ObjectStore, job_id: string): Promise<JobRecord | undefined> {
  return isId(job_id) ? read(store, archivedJobKey(job_id), (job: JobRecord) => job.job_id === job_id) : undefined;
}

/** How the worker ended last: a list and a read. */
export async function readArchivedWorker(store: ObjectStore, worker_id: string): Promise<WorkerRecord | undefined> {
  if (!isId(worker_id)) return undefined;
  let newest: string | undefined;
  for await (const { key } of store.list(archivedWorkerPrefix(worker_id))) newest = key;
  return newest === undefined
    ? undefined
    : read(store, newest, (worker: WorkerRecord) => worker.worker_id === worker_id);
}

/** One end of a worker, by the key of its archive. */
export async function readArchivedWorkerEnd(
  store: ObjectStore,
  worker_id: string,
  terminated_ms: number,
): Promise<WorkerRecord | undefined> {
  const key = archivedWorkerKey(worker_id, terminated_ms);
  return read(store, key, (worker: WorkerRecord) => worker.worker_id === worker_id && worker.terminated_ms !== null);
}

export async function readArchivedAlert(store: ObjectStore, id: string): Promise<AlertRecord | undefined> {
  return read(store, archivedAlertKey(id), (alert: AlertRecord) => alert.id === id && alert.resolved_ms !== null);
}

async function read<R>(store: ObjectStore, key: string, fits: (record: R) => boolean): Promise<R | undefined> {
  const got = await store.get(key);
  if (!got.found) return undefined;
  const record = parse<R>(got.bytes);
  if (record && fits(record)) return record;
  throw new MonitorError('corrupt', 'archive_damaged', `${key} is damaged: it is not the record that was written`, {
    hint: 'Restore it from a copy of the store, or delete it to give that record up.',
  });
}

export function parse<R>(bytes: Uint8Array): R | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString());
    return typeof value === 'object' && value !== null ? (value as R) : undefined;
  } catch {
    return undefined;
  }
}
