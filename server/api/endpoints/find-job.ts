/**
 * Finds a job in any state: in memory, then after reading to the journal's tail, then in the archive (at most two
 * objects). A job that the viewer may not see does not exist for it.
 */
import { MonitorError } from '../../../protocol/errors.ts';
import { formatTime } from '../../../protocol/time.ts';
import { inScope } from '../../access/scope.ts';
import type { Subject } from '../../access/subject.ts';
import type { ErasureRecord } from '../../state-machine/state/erasures.ts';
import type { JobRecord } from '../../state-machine/state/records.ts';
import { findArchivedJob, readLooseJob } from '../../views/archived-records.ts';
import type { ApiContext } from '../context.ts';
import { catchUp } from './catch-up.ts';

export type Viewer = Pick<Subject, 'scope'>;

/** A job in memory that the viewer may not see does not exist for it. Throws MonitorError `job_not_found`. */
export function assertVisible({ engine }: Pick<ApiContext, 'engine'>, { scope }: Viewer, job_id: string): void {
  const job = engine.state.job(job_id);
  if (job && !inScope(scope, job)) throw jobNotFound(job_id);
}

export async function findJob(context: ApiContext, viewer: Viewer, job_id: string): Promise<JobRecord> {
  const job = await findAnyJob(context, viewer, job_id);
  if (inScope(viewer.scope, job)) return job;
  throw jobNotFound(job_id);
}

async function findAnyJob(context: ApiContext, viewer: Viewer, job_id: string): Promise<JobRecord> {
  const { engine, store } = context;
  const here = engine.state.job(job_id);
  if (here) return here;
  const reached = await catchUp(context);
  const erasure = engine.state.tables.erasures.get(job_id);
  if (erasure && viewer.scope === null) throw jobErased(erasure);
  const archived = engine.state.job(job_id) ? undefined : await findArchivedJob({ engine, store }, job_id);
  const job = engine.state.job(job_id) ?? archived?.job;
  if (job) return job;
  // While the store is not responding, a job cannot be reported as missing.
  if (!reached) await readLooseJob(store, job_id);
  throw jobNotFound(job_id);
}

const jobNotFound = (job_id: string) =>
  new MonitorError('not_found', 'job_not_found', `there is no job ${job_id}`, { hint: 'tmon jobs lists the jobs.' });

/** Only for a viewer that may see every job: of another it is not known whether it could see this one. */
const jobErased = ({ job_id, erased_ms }: ErasureRecord) =>
  new MonitorError('not_found', 'job_erased', `${job_id} was erased at ${formatTime(erased_ms)}`, {
    hint: `tmon audit --entity ${job_id} says by whom.`,
    extra: { erased_at: formatTime(erased_ms) },
  });

/**
 * The same, with a report that this instance has accepted and that is not in the journal yet. `version` changes
 * whenever the job does.
 */
export async function findReportedJob(
  context: ApiContext,
  viewer: Viewer,
  job_id: string,
): Promise<{ job: JobRecord; version: number | string }> {
  const reported = context.engine.reported(job_id);
  if (reported && inScope(viewer.scope, reported.job))
    return { job: reported.job, version: `${reported.job.version}${reported.report_id}` };
  const job = await findJob(context, viewer, job_id);
  return { job, version: job.version };
}
