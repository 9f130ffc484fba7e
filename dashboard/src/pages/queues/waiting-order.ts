/** The order in which waiting jobs begin, as far as it is known: by priority, then by when they were queued. */
import type { Job } from '../../../../protocol/job.ts';

const RANK: Readonly<Record<Job['priority'], number>> = { high: 0, normal: 1, low: 2 };

/** When the job was last queued. */
export function queuedAt({ state_history, created_at }: Pick<Job, 'state_history' | 'created_at'>): string {
  return state_history.findLast(({ state }) => state === 'QUEUED')?.timestamp ?? created_at;
}

/** Those that may be claimed first; then those that wait out a delay, the next one first. */
export function inOrder(jobs: readonly Job[], now_ms: number): Job[] {
  const delayed = ({ retry_info: { next_attempt_at } }: Job) =>
    next_attempt_at !== null && Date.parse(next_attempt_at) > now_ms ? next_attempt_at : '';
  return [...jobs].sort(
    (a, b) =>
      compare(delayed(a), delayed(b)) ||
      RANK[a.priority] - RANK[b.priority] ||
      compare(queuedAt(a), queuedAt(b)) ||
      compare(a.job_id, b.job_id),
  );
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export type DeadGroup = { code: string; jobs: Job[]; message: string };

/** Dead letters by the code of their last error, the most frequent first. */
export function byError(jobs: readonly Job[]): DeadGroup[] {
  const groups = new Map<string, DeadGroup>();
  for (const job of jobs) {
    const { code = 'unknown', message = '' } = job.retry_info.last_error ?? {};
    const group = groups.get(code) ?? { code, jobs: [], message };
    group.jobs.push(job);
    groups.set(code, group);
  }
  return [...groups.values()].sort((a, b) => b.jobs.length - a.jobs.length || compare(a.code, b.code));
}
