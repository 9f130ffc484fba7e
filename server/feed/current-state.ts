/**
 * The current state of a feed resource: the first message of a subscription, the one after a gap, and the updates of
 * sums.
 */
import type { FeedFilter, FeedPosition, FeedResource } from '../../protocol/feed.ts';
import type { JobNow } from '../../protocol/feed-messages.ts';
import { formatTime } from '../../protocol/time.ts';
import { isOfTenant, type JobScope } from '../access/scope.ts';
import { activeAlerts, alertDocument } from '../documents/alerts.ts';
import { errorDocument, outputDocument, progressDocument, verdictOf } from '../documents/job.ts';
import { expectedFields, outlookThen } from '../documents/outlook.ts';
import { ownOutlook, ownVerdict } from '../documents/own-view.ts';
import { mainQueueDocument } from '../documents/queues.ts';
import { healthDocument } from '../documents/system.ts';
import { workerDocument } from '../documents/worker.ts';
import type { JobRecord, WorkerRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';

/** What a subscription follows: `id` for a job or worker, `filter` and `scope` for jobs. */
export type Target = {
  resource: FeedResource;
  id: string | null;
  filter: FeedFilter;
  /** Of `job` and `jobs`: those that the reader may see; null or absent: all. */
  scope?: JobScope | null;
};

/** What has to be looked up outside the state's indexes: an archived job or worker, the jobs that match a filter. */
export type Extra = {
  job?: JobRecord | undefined;
  worker?: WorkerRecord | undefined;
  jobs?: readonly JobRecord[] | undefined;
};

export const STATE_JOBS_MAX = 1000;
export const STATE_WORKERS_MAX = 1000;

export function stateNow(
  state: State,
  { resource, id, scope }: Target,
  { type, position, extra }: { type: 'state' | 'reset' | 'update'; position: FeedPosition; extra: Extra },
): object {
  const common = { type, resource, ...position };
  const own = isOfTenant(scope);
  switch (resource) {
    case 'job': {
      const job = state.job(id!) ?? extra.job;
      return job ? jobNow(type === 'reset' ? 'reset' : 'state', job, { position, own }) : { ...common, job_id: id };
    }
    case 'jobs': {
      const jobs = extra.jobs ?? [...take(activeJobs(state), STATE_JOBS_MAX + 1)];
      const items = jobs.slice(0, STATE_JOBS_MAX).map((job) => jobNow('state', job, { position, own }));
      return { ...common, items, more: jobs.length > items.length };
    }
    case 'worker': {
      const worker = state.worker(id!) ?? extra.worker;
      return { ...common, worker_id: id, ...(worker ? workerDocument(state, worker) : {}) };
    }
    case 'workers': {
      const live = [...take(liveWorkers(state), STATE_WORKERS_MAX + 1)];
      const items = live.slice(0, STATE_WORKERS_MAX).map((worker) => workerDocument(state, worker));
      return { ...common, items, more: live.length > items.length };
    }
    case 'alerts':
      return { ...common, items: activeAlerts(state).map(alertDocument) };
    case 'queue':
      return { ...common, ...mainQueueDocument(state) };
    case 'system':
      return { ...common, ...healthDocument(state) };
  }
}

/** `own`: for a reader of the job's tenant alone. */
function jobNow(
  type: 'state' | 'reset',
  job: JobRecord,
  { position, own }: { position: FeedPosition; own: boolean },
): JobNow {
  const outlook = outlookThen(job);
  const { job_id, state, percentage, stage, current_chunk, total_chunks, eta_seconds } = progressDocument(job);
  return {
    type,
    resource: 'job',
    at: formatTime(job.updated_ms),
    ...position,
    job_id,
    state,
    percentage,
    stage,
    current_chunk,
    total_chunks,
    eta_seconds,
    worker_id: state === 'QUEUED' ? null : (job.run?.worker_id ?? null),
    attempt: job.attempt,
    ...(job.last_error ? { error: errorDocument(job.last_error) } : {}),
    ...(job.output ? { output: outputDocument(job.output) } : {}),
    ...(job.verdict ? { verdict: own ? ownVerdict(verdictOf(job)) : verdictOf(job) } : {}),
    ...expectedFields(own ? ownOutlook(outlook, job) : outlook),
  };
}

/** Jobs that have not ended: running ones, then waiting ones, newest first. */
export function* activeJobs(state: State): Generator<JobRecord> {
  const { PROCESSING, CANCELLING, QUEUED, SUBMITTED } = state.tables.jobs_by_state;
  for (const table of [PROCESSING, CANCELLING, QUEUED, SUBMITTED]) {
    for (const [, job_id] of table.entriesReversed()) {
      const job = state.job(job_id);
      if (job) yield job;
    }
  }
}

/** Workers that are not TERMINATED, newest first. */
function* liveWorkers(state: State): Generator<WorkerRecord> {
  for (const [, worker_id] of state.tables.workers_by_creation.entriesReversed()) {
    const worker = state.worker(worker_id);
    if (worker && worker.state !== 'TERMINATED') yield worker;
  }
}

function* take<T>(all: Iterable<T>, count: number): Generator<T> {
  let taken = 0;
  for (const one of all) {
    if (taken === count) return;
    taken += 1;
    yield one;
  }
}
