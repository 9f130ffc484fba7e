/** The jobs that a narrowed key may see: every reader of jobs asks here, so that a limit added here holds everywhere. */
import { type JobRecord, tenantOf } from '../state-machine/state/records.ts';

/** A job is seen if it is within every limit given. */
export type JobScope = {
  /** Jobs of this tenant. */
  readonly tenant?: string;
  /** Jobs with one of these tags. */
  readonly tags?: readonly string[];
  /** Jobs that this actor submitted. */
  readonly submitted_by?: string;
  /** The only job of a token. */
  readonly job_id?: string;
};

type Scoped = Pick<JobRecord, 'job_id' | 'tags' | 'submitted_by' | 'tenant'>;

/** `scope` null: all jobs. */
export function inScope(scope: JobScope | null, job: Scoped): boolean {
  if (scope === null) return true;
  const { tenant, tags, submitted_by, job_id } = scope;
  return (
    (tenant === undefined || tenant === tenantOf(job)) &&
    (tags === undefined || tags.some((tag) => job.tags.includes(tag))) &&
    (submitted_by === undefined || submitted_by === job.submitted_by) &&
    (job_id === undefined || job_id === job.job_id)
  );
}

/** Whether the reader belongs to one tenant, and must learn nothing of the others. */
export const isOfTenant = (scope: JobScope | null | undefined): boolean => scope?.tenant !== undefined;
