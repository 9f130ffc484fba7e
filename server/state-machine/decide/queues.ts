/** Decisions about many jobs: purging a queue and redriving dead letters. Dry runs use the same selection. */
import { parseTime } from '../../../protocol/time.ts';
import { searchOldestFirst } from '../state/job-search.ts';
import { type JobRecord, runsElsewhere } from '../state/records.ts';
import type { State } from '../state/state.ts';
import type { CommandBody } from './commands.ts';
import type { Decision } from './decision.ts';
import { cancelled, requeued } from './jobs.ts';
import { JobMatcher } from './match.ts';

/** Maximum number of jobs per command, so that it fits in a segment. */
export const BULK_MAX = 10_000;

type Bulk = CommandBody & { type: 'purge_queue' | 'redrive' };

export function purgeQueue(state: State, body: CommandBody & { type: 'purge_queue' }): Decision {
  const jobs = selectJobs(state, body);
  if (body.queue === 'main') return { events: jobs.map((job) => cancelled(job, 'Purged from main queue')) };
  return {
    events: jobs.map((job) => ({
      type: 'JobDropped',
      entity: job.job_id,
      data: { details: 'Purged from dead-letter queue' },
    })),
  };
}

export function redrive(state: State, body: CommandBody & { type: 'redrive' }): Decision {
  return { events: selectJobs(state, body).map((job) => requeued(job, 'Redriven from dead-letter queue')) };
}

/** The jobs that a purge or redrive applies to, oldest first. */
export const selectJobs = (state: State, body: Bulk): JobRecord[] =>
  [...selectingJobs(state, body)].filter((job) => job !== null);

/** The same step by step: null for one or more jobs to which it does not apply. */
export function* selectingJobs(state: State, body: Bulk): Generator<JobRecord | null> {
  const { created_after, created_before, job_ids, ...rest } = body.filter;
  const matches = new JobMatcher({
    ...rest,
    created_after_ms: created_after === undefined ? undefined : parseTime(created_after),
    created_before_ms: created_before === undefined ? undefined : parseTime(created_before),
    job_ids: job_ids === undefined ? undefined : new Set(job_ids),
  });
  const queue = body.type === 'redrive' ? 'dlq' : body.queue;
  // This queue can't start or stop a job that runs elsewhere; old journals may have such jobs among the dead letters.
  const includesElsewhere = body.type === 'purge_queue' && queue === 'dlq';
  let count = 0;
  for (const job of job_ids === undefined ? jobsIn(state, queue, matches) : namedJobs(state, queue, job_ids)) {
    if (job === null || (!includesElsewhere && runsElsewhere(job)) || !matches.test(job)) {
      yield null;
      continue;
    }
    yield job;
    count += 1;
    if (count === BULK_MAX) return;
  }
}

function* jobsIn(state: State, queue: 'main' | 'dlq', matches: JobMatcher): Generator<JobRecord | null> {
  const { jobs_by_state, dead } = state.tables;
  const ids = queue === 'main' ? searchOldestFirst(state, jobs_by_state.QUEUED, matches.sought()) : dead.values();
  for (const job_id of ids) yield job_id === null ? null : (state.job(job_id) ?? null);
}

/** Takes time by the number of ids, not by the length of the queue. */
function namedJobs(state: State, queue: 'main' | 'dlq', job_ids: readonly string[]): JobRecord[] {
  const placeOf = (job: JobRecord) => (queue === 'main' ? job.ordinal : (job.dead?.ordinal ?? 0));
  return [...new Set(job_ids)]
    .flatMap((job_id) => state.job(job_id) ?? [])
    .filter((job) => (queue === 'main' ? job.state === 'QUEUED' : job.dead !== null))
    .sort((a, b) => placeOf(a) - placeOf(b));
}
