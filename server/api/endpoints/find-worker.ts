/** Finds a worker in any state: in memory, then after reading to the journal's tail, then in the archive. */
import { MonitorError } from '../../../protocol/errors.ts';
import type { WorkerRecord } from '../../state-machine/state/records.ts';
import { readArchivedWorker } from '../../views/archived-records.ts';
import type { ApiContext } from '../context.ts';
import { catchUp } from './catch-up.ts';

export async function findWorker(context: ApiContext, worker_id: string): Promise<WorkerRecord> {
  const { engine, store } = context;
  if (!engine.state.worker(worker_id)) await catchUp(context);
  const worker = engine.state.worker(worker_id) ?? (await readArchivedWorker(store, worker_id));
  if (worker) return worker;
  throw new MonitorError('not_found', 'worker_not_found', `there is no worker ${worker_id}`, {
    hint: 'tmon workers lists the workers.',
  });
}
