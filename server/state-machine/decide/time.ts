/**
 * Decisions of a tick: leases that end, retries that are due, silent workers, verdicts, and alerts.
 *
 * A tick handles only timers that are due by log time, so an idle fleet costs nothing, and a tick without effect writes
 * no segment. With `expire: false` leases and silence don't count: after a start workers first need time to send
 * heartbeats.
 */

import type { Event } from '../events.ts';
import type { Timer } from '../state/job-indexes.ts';
import { isKilled, type JobRecord, type WorkerRecord } from '../state/records.ts';
import type { State } from '../state/state.ts';
import { decideAlertGroups } from './alert-groups.ts';
import { decideAlerts } from './alerts.ts';
import type { CommandBody } from './commands.ts';
import type { Context, Decision } from './decision.ts';
import { attemptCost, cancelled, endAttempt, isForgiven } from './jobs.ts';
import { forgetNoticesEvents } from './notices.ts';
import { reportedSilence } from './observed.ts';
import { decidePolicies } from './policies.ts';
import { decideVerdicts } from './verdicts.ts';
import { decideWorkerVerdicts } from './worker-verdicts.ts';
import { endWorker, takeJobs, worse } from './workers.ts';

/** Maximum number of timers per tick; the next tick handles the rest. */
const TIMERS_MAX = 1000;
const FORGET_MAX = 10_000;

export function tick(state: State, body: CommandBody & { type: 'tick' }, context: Context): Decision {
  const events: Event[] = [];
  // A job's own timer and its worker's silence may be due in one tick: only the first acts on the job.
  const settled = new Set<string>();
  let handled = 0;
  for (const timer of dueTimers(state, body.expire, context.at_ms)) {
    if (handled === TIMERS_MAX) break;
    if (timer.kind === 'job') {
      const job = state.job(timer.id);
      if (!job) continue;
      if (!settled.has(job.job_id)) events.push(...jobDueEvents(state, job, context));
      settled.add(job.job_id);
    } else {
      const worker = state.worker(timer.id);
      if (!worker) continue;
      const unsettled = { ...worker, holds: worker.holds.filter(({ job_id }) => !settled.has(job_id)) };
      const silent = silentEvents(state, unsettled, context);
      for (const { type, entity } of silent) if (type === 'JobAttemptFailed') settled.add(entity);
      events.push(...silent);
    }
    handled += 1;
  }
  for (const { type, entity } of events) if (type === 'JobDelayOver' || type === 'JobDropped') settled.add(entity);
  const { judge_from = 0, evaluate, expire, acting } = body;
  // Nobody could report before silence counts.
  const verdicts = expire && judge_from !== null ? decideVerdicts(state, judge_from, settled, context) : [];
  const touched = new Set([...settled, ...events.map(({ entity }) => entity)]);
  const judges = expire && evaluate !== false;
  const workers = judges ? decideWorkerVerdicts(state, touched, context) : [];
  const policies = judges && acting ? decidePolicies(state, acting, touched, context) : [];
  const alerts = evaluate === false ? [] : decideAlerts(state, body, context);
  const messages = evaluate === false ? [] : decideAlertGroups(state, body.notice_ids ?? [], context);
  const forgotten = [...forgetEvents(state, context), ...forgetNoticesEvents(state, context)];
  return { events: [...events, ...verdicts, ...workers, ...policies, ...alerts, ...messages, ...forgotten] };
}

/** In the order in which they are due. */
function* dueTimers({ tables }: State, expire: boolean, at_ms: number): Generator<Timer> {
  const all = [tables.timers, ...(expire ? [tables.report_timers] : [])].map((table) => table.entries());
  const heads = all.map((entries) => entries.next());
  for (;;) {
    let least = -1;
    for (const [i, head] of heads.entries()) {
      if (!head.done && (least < 0 || head.value[0] < heads[least]!.value![0])) least = i;
    }
    const timer = least < 0 ? undefined : heads[least]!.value![1];
    if (timer === undefined || timer.due_ms > at_ms) return;
    yield timer;
    heads[least] = all[least]!.next();
  }
}

function jobDueEvents(state: State, job: JobRecord, context: Context): Event[] {
  switch (job.state) {
    case 'PROCESSING':
      if (isKilled(job)) return engineNotEnded(state, job, context);
      return endAttempt(
        state,
        job,
        {
          code: 'lease_expired',
          message: `${job.run?.worker_id} did not renew its lease`,
          retryable: true,
        },
        context,
        { delay_ms: null, keeps_place: true, counts: true, batch_size: null },
      );
    case 'CANCELLING':
      return [
        cancelled(
          job,
          'Cancelled; the worker did not confirm before the kill deadline',
          attemptCost(state, job, context.at_ms),
        ),
      ];
    case 'QUEUED':
      return [{ type: 'JobDelayOver', entity: job.job_id, data: {} }];
    default:
      return [{ type: 'JobDropped', entity: job.job_id, data: { details: 'Too old for the dead-letter queue' } }];
  }
}

/** Its worker was to end the engine, and its lease was not renewed meanwhile. */
function engineNotEnded(state: State, job: JobRecord, context: Context): Event[] {
  const message = `${job.run?.worker_id} did not end its engine before the deadline`;
  const error = { code: 'engine_stalled', message, retryable: true };
  const next = { delay_ms: null, keeps_place: true, counts: !isForgiven(job, error), batch_size: null };
  return endAttempt(state, job, error, context, next);
}

function silentEvents(state: State, worker: WorkerRecord, context: Context): Event[] {
  const { at_ms, policy } = context;
  if (worker.state === 'STARTING') return endWorker(state, worker, 'it never registered', context);
  if (worker.state === 'RESTARTING') return endWorker(state, worker, 'it did not come back from its restart', context);
  const active_ms = worker.heartbeat_ms ?? worker.created_ms;
  const silent_ms = at_ms - active_ms;
  if (worker.reported && silent_ms < policy.worker_terminated_ms) return [reportedSilence(worker, active_ms, context)];
  if (silent_ms >= policy.worker_terminated_ms) return endWorker(state, worker, 'silent for too long', context);
  const reason = `silent for ${Math.round(silent_ms / 1000)} s`;
  if (silent_ms >= policy.worker_lost_ms) {
    return [
      ...takeJobs(state, worker, { code: 'worker_lost', message: reason, counts: true }, context),
      {
        type: 'WorkerStatusChanged',
        entity: worker.worker_id,
        data: { status: 'UNHEALTHY', check_ms: active_ms + policy.worker_terminated_ms, reason },
      },
    ];
  }
  return [
    {
      type: 'WorkerStatusChanged',
      entity: worker.worker_id,
      data: {
        status: worse('DEGRADED', worker.health.status ?? 'HEALTHY'),
        check_ms: active_ms + policy.worker_lost_ms,
        reason,
      },
    },
  ];
}

/** Forgets the commands that are too old or exceed the maximum number. */
function forgetEvents(state: State, { at_ms, policy }: Context): Event[] {
  const { commands, commands_by_age } = state.tables;
  let excess = commands.size - policy.commands_max;
  let through: number | undefined;
  let handled = 0;
  for (const [ordinal, id] of commands_by_age.entries()) {
    if (excess <= 0 && (commands.get(id)?.at_ms ?? 0) > at_ms - policy.commands_window_ms) break;
    if (handled === FORGET_MAX) break;
    through = ordinal;
    excess -= 1;
    handled += 1;
  }
  return through === undefined
    ? []
    : [{ type: 'CommandsForgotten', entity: 'commands', data: { through_ordinal: through } }];
}

/** When the next timer is due; null if none is set. Without `expire` leases and silence don't count. */
export function nextDue({ tables }: State, expire = true): number | null {
  let next: number | null = null;
  for (const table of [tables.timers, ...(expire ? [tables.report_timers] : [])]) {
    const { value: timer } = table.values().next();
    if (timer !== undefined) next = Math.min(next ?? timer.due_ms, timer.due_ms);
  }
  return next;
}
