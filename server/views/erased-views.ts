/** The keys of every view that an erased job may have: of its ends, of the workers that had it, and of a job that waits or runs. */
import type { Remains } from '../state-machine/state/erasures.ts';
import { activeJobKeys } from './active-jobs.ts';
import { deadLetterKey, finishedJobKey, workerJobKey } from './keys.ts';

export function erasedViewKeys(job_id: string, { ends, workers }: Pick<Remains, 'ends' | 'workers'>): string[] {
  return [
    ...ends.map(([state, at_ms]) => finishedJobKey(state, at_ms, job_id)),
    ...activeJobKeys(job_id),
    deadLetterKey(job_id),
    ...workers.map((worker_id) => workerJobKey(worker_id, job_id)),
  ];
}
