/** The jobs that a narrowed key may see: those with one of its tags, or those that it submitted. */
import type { JobRecord } from '../state-machine/state/records.ts';

export type JobScope = { tags: readonly string[] } | { submitted_by: string };

/** `scope` null: all jobs. */
export function inScope(scope: JobScope | null, job: Pick<JobRecord, 'tags' | 'submitted_by'>): boolean {
  if (scope === null) return true;
  if ('submitted_by' in scope) return job.submitted_by === scope.submitted_by;
  return scope.tags.some((tag) => job.tags.includes(tag));
}
