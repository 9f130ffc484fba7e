/** Counts the failed attempts of a worker that are, or may be, its own fault. */
import type { AttemptError, WorkerFaults } from '../state/records.ts';

/** More than it takes to suspend a worker and to reach the longest time between trials. */
const JOBS_MAX = 16;

const NONE: Pick<WorkerFaults, 'own' | 'jobs' | 'failed_ms'> = { own: 0, jobs: [], failed_ms: 0 };

export type FailedAttempt = {
  job_id: string;
  assigned_ms: number;
  error: Omit<AttemptError, 'retryable'>;
  trial_ms: number;
};

/** The faults in a row with those of an attempt that has just ended. */
export function withFault(
  faults: WorkerFaults | undefined,
  { job_id, assigned_ms, error, trial_ms }: FailedAttempt,
  at_ms: number,
): WorkerFaults | undefined {
  const { own, jobs, failed_ms } = faults ?? NONE;
  const isOwn = error.fault === 'worker';
  // What ran side by side ends by one cause: the leases of a worker that was silent, for example.
  if (!isOwn && assigned_ms < failed_ms) return faults;
  return {
    own: own + (isOwn ? 1 : 0),
    jobs: isOwn || jobs.includes(job_id) ? jobs : [...jobs, job_id].slice(-JOBS_MAX),
    failed_ms: at_ms,
    trial_ms,
    code: error.code,
    job_id,
  };
}
