/** A job with its id as `job.id` too, beside `job.job_id`. */
import type { Job } from '../../protocol/job.ts';
import { UnexpectedResponseError } from './errors.ts';

export type JobWithId = Job & { readonly id: string };

/** Not enumerable, so that the job printed as JSON is what the monitor sent. Throws UnexpectedResponseError if it is no job. */
export function withId(job: Job | undefined): JobWithId {
  if (typeof job?.job_id !== 'string') {
    const found = JSON.stringify(job)?.slice(0, 200) ?? 'an empty body';
    throw new UnexpectedResponseError(`the response is not a job: ${found}`, {
      hint: 'Another server responds at this address.',
    });
  }
  return Object.defineProperty(job, 'id', { value: job.job_id, enumerable: false }) as JobWithId;
}
