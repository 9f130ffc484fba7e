/** Who may be handed a job: found by looking at every worker, where the product counts. */

import { able, suspended } from '../../server/state-machine/state/able.ts';
import type { JobRecord } from '../../server/state-machine/state/records.ts';
import { endedRuns, isFailure } from '../../server/state-machine/state/runs.ts';
import type { State } from '../../server/state-machine/state/state.ts';
import type { World } from './world.ts';

export type Claimed = { job: JobRecord; worker_id: string; at_ms: number; elsewhere_ms: number };

/** `before`: the fold before the job was handed to the worker. */
export function auditClaim(world: World, before: State, { job, worker_id, at_ms, elsewhere_ms }: Claimed): void {
  const failed = new Set([...endedRuns(job)].filter(isFailure).map((run) => run.worker_id));
  if (failed.has(worker_id) && at_ms - job.queued_ms < elsewhere_ms) {
    for (const other of before.tables.workers.values()) {
      if (!able(other) || failed.has(other.worker_id)) continue;
      world.violate(
        'elsewhere',
        `${job.job_id} was handed to ${worker_id}, which failed it, not to ${other.worker_id}`,
      );
    }
  }
  const worker = before.worker(worker_id);
  if (!worker || !suspended(worker)) return;
  const { holds, faults } = worker;
  if (holds.length > 0) world.violate('trial', `${worker_id} is suspended, and was handed more than one job on trial`);
  if (at_ms < faults!.trial_ms) world.violate('trial', `${worker_id} was handed a job before its trial`);
}
