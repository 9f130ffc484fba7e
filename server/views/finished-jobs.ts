/**
 * `jobs/completed|failed|cancelled/YYYY/MM/DD/hour=HH/{job_id}.json`: a job under the hour of its end. A retried job is
 * removed from the hours of its earlier ends, which are in its history.
 */
import { jobDocument } from '../documents/job.ts';
import type { JobRecord } from '../state-machine/state/records.ts';
import { type FinishedState, finishedJobKey } from './keys.ts';
import type { View } from './view.ts';

export function finishedJobView(job: JobRecord): View {
  const current = isFinished(job.state) ? finishedJobKey(job.state, job.completed_ms ?? 0, job.job_id) : null;
  const left = new Set<string>();
  for (const { state, at_ms } of job.history) {
    if (!isFinished(state)) continue;
    const key = finishedJobKey(state, at_ms, job.job_id);
    if (key !== current) left.add(key);
  }
  return { present: current === null ? [] : [{ key: current, document: () => jobDocument(job) }], absent: [...left] };
}

const isFinished = (state: string): state is FinishedState =>
  state === 'COMPLETED' || state === 'FAILED' || state === 'CANCELLED';
