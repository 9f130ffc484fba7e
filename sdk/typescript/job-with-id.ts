/** A job with its id as `job.id` too, beside `job.job_id`. */
import type { Job } from '../../protocol/job.ts';

export type JobWithId = Job & { readonly id: string };

/** Not enumerable, so that the job printed as JSON is what the monitor sent. */
export function withId(job: Job): JobWithId {
  return Object.defineProperty(job, 'id', { value: job.job_id, enumerable: false }) as JobWithId;
}
