/** Decisions about many jobs at once: purging a queue, redriving dead letters. The same selection serves their dry runs. */
import { parseTime } from '../../../protocol/time.ts';
import type { JobRecord } from '../state/records.ts';
import type { State } from '../state/state.ts';
import type { CommandBody } from './commands.ts';
import type { Decision } from './decision.ts';
import { cancelled, requeued } from './jobs.ts';
import { JobMatcher } from './match.ts';

/** At most this many jobs a call, so that one command fits a segment. */
export const BULK_MAX = 10_000;

export function purgeQueue(state: State, { queue, filter }: CommandBody & { type: 'purge_queue' }): Decision {
  const jobs = selectJobs(state, queue, filter);
  if (queue === 'main') return { events: jobs.map((job) => cancelled(job, 'Purged from main queue')) };
  return {
    events: jobs.map((job) => ({
      type: 'JobDropped',
      entity: job.job_id,
      data: { details: 'Purged from dead-letter queue' },
    })),
  };
}

export function redrive(state: State, { filter }: CommandBody & { type: 'redrive' }): Decision {
  return { events: selectJobs(state, 'dlq', filter).map((job) => requeued(job, 'Redriven from dead-letter queue')) };
}

/** The jobs that a purge or redrive with this filter takes now, oldest first. */
export function selectJobs(
  state: State,
  queue: 'main' | 'dlq',
  filter: (CommandBody & { type: 'redrive' })['filter'],
): JobRecord[] {
  const { created_after, created_before, job_ids, ...rest } = filter;
  const matches = new JobMatcher({
    ...rest,
    created_after_ms: created_after === undefined ? undefined : parseTime(created_after),
    created_before_ms: created_before === undefined ? undefined : parseTime(created_before),
    job_ids: job_ids === undefined ? undefined : new Set(job_ids),
  });
  const ids = queue === 'main' ? state.tables.jobs_by_state.QUEUED : state.tables.dead;
  const jobs: JobRecord[] = [];
  for (const job_id of ids.values()) {
    const job = state.job(job_id);
    // What runs elsewhere is not this queue's to take.
    if (job && job.observed === null && matches.test(job)) jobs.push(job);
    if (jobs.length === BULK_MAX) break;
  }
  return jobs;
}
