/** A job with its id under the short name too: `job.id` beside `job.job_id`. */
import type { Job } from '../../protocol/job.ts';

export type JobWithId = Job & { readonly id: string };

/** Not enumerable: the job printed as JSON stays what the monitor sent. */
export function withId(job: Job): JobWithId {
  return Object.defineProperty(job, 'id', { value: job.job_id, enumerable: false }) as JobWithId;
}
