/**
 * Finds a job in any state: in memory, then after reading to the journal's tail, then in the archive (at most two
 * objects).
 */
import { MonitorError } from '../../../protocol/errors.ts';
import type { JobRecord } from '../../state-machine/state/records.ts';
import { findArchivedJob, readLooseJob } from '../../views/archived-records.ts';
import type { ApiContext } from '../context.ts';
import { catchUp } from './catch-up.ts';

export async function findJob(context: ApiContext, job_id: string): Promise<JobRecord> {
  const { engine, store } = context;
  const here = engine.state.job(job_id);
  if (here) return here;
  const reached = await catchUp(context);
  const archived = engine.state.job(job_id) ? undefined : await findArchivedJob({ engine, store }, job_id);
  const job = engine.state.job(job_id) ?? archived?.job;
  if (job) return job;
  // While the store is not responding, a job cannot be reported as missing.
  if (!reached) await readLooseJob(store, job_id);
  throw new MonitorError('not_found', 'job_not_found', `there is no job ${job_id}`, {
    hint: 'tmon jobs lists the jobs.',
  });
}

/**
 * The same, with a report that this instance has accepted and that is not in the journal yet. `version` changes
 * whenever the job does.
 */
export async function findReportedJob(
  context: ApiContext,
  job_id: string,
): Promise<{ job: JobRecord; version: number | string }> {
  const reported = context.engine.reported(job_id);
  if (reported) return { job: reported.job, version: `${reported.job.version}${reported.report_id}` };
  const job = await findJob(context, job_id);
  return { job, version: job.version };
}
