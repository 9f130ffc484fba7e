/** The jobs that a narrowed key may see: those with one of its tags, those that it submitted, or a token's only one. */
import type { JobRecord } from '../state-machine/state/records.ts';

export type JobScope = { tags: readonly string[] } | { submitted_by: string } | { job_id: string };

/** `scope` null: all jobs. */
export function inScope(scope: JobScope | null, job: Pick<JobRecord, 'job_id' | 'tags' | 'submitted_by'>): boolean {
  if (scope === null) return true;
  if ('job_id' in scope) return job.job_id === scope.job_id;
  if ('submitted_by' in scope) return job.submitted_by === scope.submitted_by;
  return scope.tags.some((tag) => job.tags.includes(tag));
}
