/** `workers/active/{worker_id}/status.json`, `heartbeat.json`, `jobs/current.json`: a worker until it is TERMINATED. */
import { heartbeatDocument, workerDocument } from '../documents/worker.ts';
import type { WorkerRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { currentJobKey, workerKey } from './keys.ts';
import type { View } from './view.ts';

export function activeWorkerView(state: State, worker: WorkerRecord): View {
  const [status, heartbeat, current] = activeWorkerKeys(worker.worker_id);
  if (worker.state === 'TERMINATED') return { present: [], absent: [status, heartbeat, current] };
  return {
    present: [
      { key: status, document: () => workerDocument(state, worker) },
      { key: heartbeat, document: () => heartbeatDocument(worker) },
      { key: current, document: () => currentJobDocument(state, worker) },
    ],
    absent: [],
  };
}

export function activeWorkerKeys(worker_id: string): [status: string, heartbeat: string, current: string] {
  return [workerKey(worker_id, 'status'), workerKey(worker_id, 'heartbeat'), currentJobKey(worker_id)];
}

/** The worker's jobs; `current_job` is null if it has none. It may hold several: `job_ids`, oldest first. */
function currentJobDocument(state: State, worker: WorkerRecord) {
  const { worker_id, current_job, as_of_seq } = workerDocument(state, worker);
  return { worker_id, current_job, job_ids: worker.holds.map(({ job_id }) => job_id), as_of_seq };
}
