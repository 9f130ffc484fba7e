/**
 * `workers/active/{worker_id}/jobs/history/{job_id}.json`: every job a worker was ever handed, kept after the worker's
 * end.
 */
import { workerJobDocument } from '../documents/job.ts';
import { UNKNOWN_WORKER } from '../state-machine/apply/observed.ts';
import type { JobRecord } from '../state-machine/state/records.ts';
import { workerJobKey } from './keys.ts';
import type { View } from './view.ts';

/** A job's place in it: one document for each worker in the job's history. */
export function workerHistoryView(job: JobRecord): View {
  const workers = new Set<string>();
  for (const { worker_id } of job.history) if (worker_id !== undefined) workers.add(worker_id);
  // A source may name the worker later: until then the job belongs to no worker.
  if (job.run && job.run.worker_id !== UNKNOWN_WORKER) workers.add(job.run.worker_id);
  return {
    present: [...workers].map((worker_id) => ({
      key: workerJobKey(worker_id, job.job_id),
      document: () => workerJobDocument(job, worker_id),
    })),
    absent: [],
  };
}
