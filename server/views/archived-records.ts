/**
 * Reads records that have left memory: jobs from the packs that the journal names, worker ends and alerts from an
 * object each.
 *
 *     job id → the pack it was archived in a short while ago, which the fold knows (1 read)
 *            → else its shard of the index, then its pack                          (2 reads, and none if no shard covers it)
 *            → else, while there are any, a single object                     (1 more)
 */
import { isId } from '../../protocol/ids.ts';
import type { Engine } from '../engine.ts';
import type { ObjectStore } from '../objects/store.ts';
import { withLabels } from '../state-machine/state/alerts.ts';
import { isErased } from '../state-machine/state/erasures.ts';
import type { AlertRecord, ArchivedJob, JobRecord, PackRecord, WorkerRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { ArchiveDamage, damageOf, IS_DAMAGED, IS_MISSING, readPack, readShard } from './archive-objects.ts';
import {
  archivedAlertKey,
  archivedJobKey,
  archivedWorkerKey,
  archivedWorkerPrefix,
  parseTerminatedWorkerKey,
  TERMINATED_WORKERS,
} from './keys.ts';
import { hashOf } from './pack.ts';
import { shardOf } from './shard.ts';

/**
 * undefined: it was never archived. Throws MonitorError('corrupt') if an object that leads to it is missing or damaged.
 */
export async function readArchivedJob(
  store: ObjectStore,
  state: State,
  job_id: string,
): Promise<ArchivedJob | undefined> {
  if (!isId(job_id) || isErased(state, job_id)) return undefined;
  const pack = await packOf(store, state, job_id);
  if (!pack) {
    const job = state.scalars.loose_jobs > 0 ? await readLooseJob(store, job_id) : undefined;
    return job && { job, pack: null };
  }
  const job = (await readPack(store, pack)).find(job_id);
  if (!job) throw new ArchiveDamage(pack.key, IS_DAMAGED);
  return { job, pack: pack.key };
}

/**
 * The same, for an instance whose fold may be old: an object that is missing after a suspend may have been replaced, so
 * it reads the journal on and retries before it reports damage. Also undefined for a job that has returned to memory
 * meanwhile.
 */
export async function findArchivedJob(
  { engine, store }: { engine: Pick<Engine, 'state' | 'journal'>; store: ObjectStore },
  job_id: string,
): Promise<ArchivedJob | undefined> {
  try {
    return await readArchivedJob(store, engine.state, job_id);
  } catch (error) {
    damageOf(error);
  }
  await engine.journal.catchUp();
  return engine.state.job(job_id) ? undefined : readArchivedJob(store, engine.state, job_id);
}

/** The pack with the newest record of the job. */
export async function packOf(store: ObjectStore, state: State, job_id: string): Promise<PackRecord | undefined> {
  const { packs, packed_recently } = state.tables;
  let key = packed_recently.get(job_id);
  if (key === undefined) {
    const shard = shardOf(state, job_id);
    key = shard && (await readShard(store, shard)).get(job_id);
  }
  if (key === undefined) return undefined;
  // A pack that was replaced since: the job is not in its successor, because it was erased.
  return packs.get(key);
}

/** A job that was archived as a single object. */
export function readLooseJob(store: ObjectStore, job_id: string): Promise<JobRecord | undefined> {
  return read(store, archivedJobKey(job_id), (job: JobRecord) => job.job_id === job_id && isRecord(job));
}

/**
 * The worker's last end: a list and a read. Throws MonitorError('corrupt') if the record is damaged, or missing
 * although its view, which stays for ever, exists.
 */
export async function readArchivedWorker(store: ObjectStore, worker_id: string): Promise<WorkerRecord | undefined> {
  if (!isId(worker_id)) return undefined;
  let newest: string | undefined;
  for await (const { key } of store.list(archivedWorkerPrefix(worker_id))) newest = key;
  if (newest === undefined) {
    for await (const { key } of store.list(`${TERMINATED_WORKERS}${worker_id}-`)) {
      const end = parseTerminatedWorkerKey(key);
      if (end?.worker_id !== worker_id) continue;
      const hint = 'Restore it from a copy of the store, or abandon it with tmon rebuild.';
      throw new ArchiveDamage(archivedWorkerKey(worker_id, end.terminated_ms), IS_MISSING, hint);
    }
    return undefined;
  }
  const last = newest;
  return read(store, last, (worker: WorkerRecord) => worker.worker_id === worker_id && isEndAt(worker, last));
}

const isEndAt = ({ worker_id, terminated_ms }: WorkerRecord, key: string): boolean =>
  terminated_ms !== null && archivedWorkerKey(worker_id, terminated_ms) === key;

/** One end of a worker, by its key in the archive. */
export async function readArchivedWorkerEnd(
  store: ObjectStore,
  worker_id: string,
  terminated_ms: number,
): Promise<WorkerRecord | undefined> {
  const key = archivedWorkerKey(worker_id, terminated_ms);
  return read(store, key, (worker: WorkerRecord) => worker.worker_id === worker_id && isEndAt(worker, key));
}

export async function readArchivedAlert(store: ObjectStore, id: string): Promise<AlertRecord | undefined> {
  const isIt = (alert: AlertRecord) => alert.id === id && alert.resolved_ms !== null;
  const alert = await read(store, archivedAlertKey(id), isIt);
  return alert && withLabels(alert);
}

async function read<R>(store: ObjectStore, key: string, fits: (record: R) => boolean): Promise<R | undefined> {
  const got = await store.get(key);
  if (!got.found) return undefined;
  const record = parse<R>(got.bytes);
  if (record && fits(record)) return record;
  throw damaged(key);
}

function damaged(key: string): ArchiveDamage {
  return new ArchiveDamage(
    key,
    IS_DAMAGED,
    'Restore it from a copy of the store, or delete it to abandon that record.',
  );
}

/** One object and a newline; `sha256` is of the object without it. */
export function encodeRecord(record: object): Buffer {
  const text = JSON.stringify(record);
  return Buffer.from(`${JSON.stringify({ ...record, sha256: hashOf(Buffer.from(text)) })}\n`);
}

/** undefined: it is damaged. Records of older versions have no hash. */
export function parse<R>(bytes: Uint8Array): R | undefined {
  try {
    const text = Buffer.from(bytes).toString();
    const value = JSON.parse(text) as Record<string, unknown> | null;
    if (typeof value !== 'object' || value === null) return undefined;
    const { sha256, ...record } = value;
    // An additional field may be a hash with a damaged name.
    const intact = sha256 === undefined ? !ENDS_IN_HASH.test(text) : encodeRecord(record).equals(bytes);
    return intact ? (record as R) : undefined;
  } catch {
    return undefined;
  }
}

const ENDS_IN_HASH = /"[0-9a-f]{64}"\}\s*$/;

/** Whether it has enough of a job's record to make documents of. */
function isRecord({ ordinal, version, created_ms, completed_ms, history }: JobRecord): boolean {
  return [ordinal, version, created_ms, completed_ms].every(Number.isSafeInteger) && Array.isArray(history);
}
