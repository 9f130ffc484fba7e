/** What there is now of what is followed: the first message of a subscription, the one after a gap, and sums as they change. */
import type { FeedFilter, FeedPosition, FeedResource } from '../../protocol/feed.ts';
import type { JobNow } from '../../protocol/feed-messages.ts';
import { formatTime } from '../../protocol/time.ts';
import { activeAlerts, alertDocument } from '../documents/alerts.ts';
import { progressDocument } from '../documents/job.ts';
import { mainQueueDocument } from '../documents/queues.ts';
import { healthDocument } from '../documents/system.ts';
import { workerDocument } from '../documents/worker.ts';
import type { JobRecord, WorkerRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';

/** What a subscription follows. `id` of a job or worker, `filter` of jobs. */
export type Target = { resource: FeedResource; id: string | null; filter: FeedFilter };

/** What the state does not have: a job or worker that has left memory; the jobs that a filter means. */
export type Beside = {
  job?: JobRecord | undefined;
  worker?: WorkerRecord | undefined;
  jobs?: readonly JobRecord[] | undefined;
};

export const STATE_JOBS_MAX = 1000;
export const STATE_WORKERS_MAX = 1000;

export function stateNow(
  state: State,
  { resource, id }: Target,
  { type, position, beside }: { type: 'state' | 'reset' | 'update'; position: FeedPosition; beside: Beside },
): object {
  const said = { type, resource, ...position };
  switch (resource) {
    case 'job': {
      const job = state.job(id!) ?? beside.job;
      return job ? jobNow(type === 'reset' ? 'reset' : 'state', job, position) : { ...said, job_id: id };
    }
    case 'jobs': {
      const jobs = beside.jobs ?? [...take(activeJobs(state), STATE_JOBS_MAX + 1)];
      const items = jobs.slice(0, STATE_JOBS_MAX).map((job) => jobNow('state', job, position));
      return { ...said, items, more: jobs.length > items.length };
    }
    case 'worker': {
      const worker = state.worker(id!) ?? beside.worker;
      return { ...said, worker_id: id, ...(worker ? workerDocument(state, worker) : {}) };
    }
    case 'workers': {
      const live = [...take(liveWorkers(state), STATE_WORKERS_MAX + 1)];
      const items = live.slice(0, STATE_WORKERS_MAX).map((worker) => workerDocument(state, worker));
      return { ...said, items, more: live.length > items.length };
    }
    case 'alerts':
      return { ...said, items: activeAlerts(state).map(alertDocument) };
    case 'queue':
      return { ...said, ...mainQueueDocument(state) };
    case 'system':
      return { ...said, ...healthDocument(state) };
  }
}

function jobNow(type: 'state' | 'reset', job: JobRecord, position: FeedPosition): JobNow {
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
    ...(job.last_error ? { error: job.last_error } : {}),
    ...(job.output ? { output: job.output } : {}),
  };
}

/** Jobs that have not ended: running ones first, then those that wait, the newest first of each. */
export function* activeJobs(state: State): Generator<JobRecord> {
  const { PROCESSING, CANCELLING, QUEUED, SUBMITTED } = state.tables.jobs_by_state;
  for (const table of [PROCESSING, CANCELLING, QUEUED, SUBMITTED]) {
    for (const [, job_id] of table.entriesReversed()) {
      const job = state.job(job_id);
      if (job) yield job;
    }
  }
}

/** Those that are not TERMINATED, the newest first. */
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
