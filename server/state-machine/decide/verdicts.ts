/**
 * Verdicts in a tick: judges running jobs and the heads of the queue, and records each verdict that has changed. A tick
 * judges at most JUDGED_MAX running jobs (a millisecond for a thousand), so that it delays no request; the next one goes on.
 */
import { PRIORITIES, type Priority } from '../../../protocol/job.ts';
import { fleetOf } from '../../verdicts/fleet-view.ts';
import { judge } from '../../verdicts/judge.ts';
import type { Event } from '../events.ts';
import type { JobRecord } from '../state/records.ts';
import type { State } from '../state/state.ts';
import { hasTenants, jobsIn, linesOf } from '../state/tenants.ts';
import type { Context } from './decision.ts';

export const JUDGED_MAX = 2_000;
/** Waiting jobs of each class: those behind them wait for them. */
const HEADS_MAX = 64;
/** Of each line of a tenant, and of all together. */
const HEADS_OF_TENANT = 16;
const HEADS_OF_TENANTS_MAX = 1_024;

/** `from`: the ordinal of the first running job to judge. `settled`: jobs whose state this tick changes. */
export function decideVerdicts(
  state: State,
  from: number,
  settled: ReadonlySet<string>,
  { at_ms }: Pick<Context, 'at_ms'>,
): Event[] {
  const events: Event[] = [];
  const fleet = fleetOf(state);
  const consider = (job_id: string): void => {
    if (settled.has(job_id)) return;
    const job = state.job(job_id)!;
    const { status, since_ms, reason, evidence } = judge(state, job, at_ms, fleet);
    if (!isNews(job, status, evidence.part)) return;
    const at = job.state as 'QUEUED' | 'PROCESSING';
    const data = { state: at, attempt: job.attempt, status, since_ms, reason, evidence };
    events.push({ type: 'JobJudged', entity: job_id, data });
  };
  let judged = 0;
  for (const job_id of state.tables.jobs_by_state.PROCESSING.values(from)) {
    if (judged === JUDGED_MAX) break;
    consider(job_id);
    judged += 1;
  }
  for (const job_id of headsOf(state)) consider(job_id);
  return events;
}

/** The first of each class; of each tenant, if tenants are told apart. */
function* headsOf(state: State): Generator<string> {
  if (!hasTenants(state)) {
    for (const priority of PRIORITIES) yield* first(state.tables.waiting[priority].values(), HEADS_MAX);
    return;
  }
  let left = HEADS_OF_TENANTS_MAX;
  for (const name of state.tables.waiting_of.keys()) {
    if (left <= 0) return;
    const [tenant = '', priority] = name.split('|') as [string, Priority];
    for (const line of linesOf(state, tenant, priority)) {
      for (const [, job_id] of first(jobsIn(state, line, priority), HEADS_OF_TENANT)) {
        left -= 1;
        yield job_id;
      }
    }
  }
}

function* first<T>(all: Iterable<T>, count: number): Generator<T> {
  let taken = 0;
  for (const one of all) {
    if (taken === count) return;
    taken += 1;
    yield one;
  }
}

const NONE: ReadonlySet<string> = new Set();

/** Whether a tick at this time would change a verdict of the jobs that it judges. */
export const hasVerdictNews = (state: State, from: number, at_ms: number): boolean =>
  decideVerdicts(state, from, NONE, { at_ms }).length > 0;

/** Another verdict, or another part of the job is slow. */
function isNews({ verdict }: JobRecord, status: string, part: unknown): boolean {
  return status !== (verdict?.status ?? 'on_track') || (status === 'slow' && part !== verdict?.evidence.part);
}

/** Where the tick after one that judged from there goes on: 0 if it reached the end. */
export function nextToJudge(state: State, from: number): number {
  let judged = 0;
  for (const ordinal of state.tables.jobs_by_state.PROCESSING.keys(from)) {
    if (judged === JUDGED_MAX) return ordinal;
    judged += 1;
  }
  return 0;
}
