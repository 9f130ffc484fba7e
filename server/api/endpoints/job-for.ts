/** The document of a job for whoever asks: readers of one tenant get nothing that follows from the jobs of others. */
import type { Job } from '../../../protocol/job.ts';
import { isOfTenant } from '../../access/scope.ts';
import { jobDocument } from '../../documents/job.ts';
import { ownJob } from '../../documents/own-view.ts';
import type { JobRecord } from '../../state-machine/state/records.ts';
import type { Outlook } from '../../verdicts/forecast.ts';
import type { ApiContext } from '../context.ts';
import type { Viewer } from './find-job.ts';

type Outlooks = Pick<ApiContext, 'outlooks'>;

/** With the outlook that it shows, which changes while nothing happens to the job. */
export function jobFor({ outlooks }: Outlooks, { scope }: Viewer, job: JobRecord) {
  const own = isOfTenant(scope);
  const outlook: Outlook = own ? outlooks.ownOf(job) : outlooks.of(job);
  const document = (): Job => (own ? ownJob(jobDocument(job, outlook)) : jobDocument(job, outlook));
  return { outlook, document };
}

export const shown = (context: Outlooks, viewer: Viewer, job: JobRecord): Job =>
  jobFor(context, viewer, job).document();

/** For workers, to whom the queue is over: with what was expected when the job was queued, or began. */
export const shownToWorker = (context: Outlooks, viewer: Viewer, job: JobRecord): Job =>
  isOfTenant(viewer.scope) ? shown(context, viewer, job) : jobDocument(job);
