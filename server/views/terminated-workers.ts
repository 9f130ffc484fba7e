/**
 * `workers/terminated/{worker_id}-{YYYYMMDD}.json`: a worker's final state, by the day of its end. It is removed if the
 * worker comes back before it is archived.
 */
import { workerDocument } from '../documents/worker.ts';
import type { WorkerRecord } from '../state-machine/state/records.ts';
import { State } from '../state-machine/state/state.ts';
import { terminatedWorkerKey } from './keys.ts';
import type { View } from './view.ts';

export function terminatedWorkerView(worker: WorkerRecord): View {
  const key = endKey(worker);
  // Only of the worker: a job that it still claims to hold is not part of its final state.
  return { present: key === null ? [] : [{ key, document: () => workerDocument(NO_JOBS, worker) }], absent: [] };
}

/** The key of the final state; null while the worker lives. */
export function endKey(worker: WorkerRecord): string | null {
  return worker.state === 'TERMINATED' ? terminatedWorkerKey(worker.worker_id, worker.terminated_ms ?? 0) : null;
}

const NO_JOBS = new State();
