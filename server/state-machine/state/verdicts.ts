/** Which jobs are not on track, and how many: from the index of verdicts. */
import { VERDICTS, type VerdictStatus } from '../../../protocol/verdict.ts';
import { finished, type JobRecord, type VerdictRecord } from './records.ts';
import type { State } from './state.ts';

/** Null of a job that is finished or being cancelled. */
export function verdictStatus({ state, verdict }: JobRecord): VerdictStatus | null {
  return finished(state) || state === 'CANCELLING' ? null : (verdict?.status ?? 'on_track');
}

export type VerdictCounts = Record<VerdictStatus, number>;

/** Jobs that are not finished, by verdict; in constant time. A job that is being cancelled has none. */
export function verdictCounts({ tables }: State): VerdictCounts {
  const { off_track, jobs_by_state } = tables;
  const { slow, hung, dead, starved, blocked } = off_track;
  const wrong = slow.size + hung.size + dead.size + starved.size + blocked.size;
  return {
    on_track: jobs_by_state.SUBMITTED.size + jobs_by_state.QUEUED.size + jobs_by_state.PROCESSING.size - wrong,
    slow: slow.size,
    hung: hung.size,
    dead: dead.size,
    starved: starved.size,
    blocked: blocked.size,
  };
}

export type JudgedJob = JobRecord & { verdict: VerdictRecord };

/** The jobs that are not on track, by verdict and then in the order of their creation. */
export function* offTrack(state: State, statuses: readonly VerdictStatus[] = VERDICTS): Generator<JudgedJob> {
  for (const status of statuses) {
    if (status === 'on_track') continue;
    for (const job_id of state.tables.off_track[status].values()) yield state.job(job_id) as JudgedJob;
  }
}
