/**
 * The actions of policies: which events do it, or why it cannot be done here. The events are those of the same commands given by
 * hand; what needs a machine is left to the fleet of the instance that decided.
 */
import type { Evidence } from '../../../protocol/verdict.ts';
import type { ActionPolicy } from '../../policies/policies.ts';
import { anyWaits } from '../../verdicts/judge-worker.ts';
import type { Event } from '../events.ts';
import { type AttemptError, type JobRecord, runsElsewhere, type WorkerRecord } from '../state/records.ts';
import type { State } from '../state/state.ts';
import type { Context } from './decision.ts';
import { endAttempt, isForgiven } from './jobs.ts';
import { endWorker, takeJobs } from './workers.ts';

/** What the instance that decides can do. */
export type Acting = {
  /** Its name. */
  by: string;
  /** Absent if its fleet can start and end no machines. `replaces`: it starts another one in place of one that ended. */
  fleet?: { replaces: boolean } | undefined;
  /** For workers that may be launched. */
  worker_ids?: readonly string[] | undefined;
};

export type Act = {
  subject: { id: string; job: JobRecord | undefined; worker: WorkerRecord | undefined };
  policy: ActionPolicy;
  verdict: { evidence: Evidence };
  why: string;
};

export type Done = {
  events: Event[];
  machine?: true;
  launched_worker_id?: string;
  kill_ms?: number;
};

/** `changed`: ids of jobs and workers that this command has changed already. Null: nothing is to be done now. */
export function actOn(
  state: State,
  act: Act,
  acting: Acting & { changed: ReadonlySet<string> },
  context: Context,
): Done | { refused: string } | null {
  const { job, worker } = act.subject;
  // It may be needed at once.
  if (act.policy.verdict === 'idle' && anyWaits(state)) return null;
  // The job on trial may complete, which ends the suspension.
  if (act.policy.verdict === 'suspended' && worker && worker.holds.length > 0) return null;
  if (job && runsElsewhere(job)) return { refused: 'It runs outside this queue.' };
  switch (act.policy.action) {
    case 'none':
      return null;
    case 'requeue':
      return job ? { events: requeue(state, job, act, context) } : null;
    case 'kill_engine':
      if (worker?.state === 'TERMINATED' || job?.kill_ms != null) return null;
      return { events: [], kill_ms: context.at_ms + context.policy.kill_deadline_ms };
    case 'restart_worker':
      return restart(state, act, acting, context);
    case 'replace_worker':
      return replace(state, act, acting, context);
    case 'launch_worker':
      return launch(acting, act.why, null, context);
    case 'end_worker':
      return worker ? { events: endWorker(state, untouched(worker, acting), act.why, context) } : null;
    case 'terminate_instance': {
      const refused = unmanaged(worker, acting);
      if (refused !== null) return { refused };
      return { events: endWorker(state, untouched(worker!, acting), act.why, context), machine: true };
    }
  }
}

/**
 * Takes the job from its worker: from now on its lease is refused, and the worker stops when it hears of that. As after a fault of
 * the worker the attempt does not count, up to a number of times: a job that hangs everywhere ends as a dead letter.
 */
function requeue(state: State, job: JobRecord, { policy: { verdict, name }, why }: Act, context: Context): Event[] {
  const message = `${why} (policy ${name})`;
  const error: AttemptError = { code: `requeued_${verdict}`, message, retryable: true, fault: 'worker' };
  const next = { delay_ms: null, keeps_place: true, counts: !isForgiven(job, error), batch_size: null };
  return endAttempt(state, job, error, context, next);
}

function restart(
  state: State,
  act: Act,
  acting: Acting & { changed: ReadonlySet<string> },
  context: Context,
): Done | { refused: string } | null {
  const { worker, job } = act.subject;
  if (worker?.state === 'RESTARTING' || worker?.state === 'DRAINING' || worker?.state === 'STARTING') return null;
  const hears = worker !== undefined && act.policy.verdict !== 'dead' && act.policy.verdict !== 'silent';
  // A worker that lives restarts when its next heartbeat is answered.
  const refused = hears ? null : unmanaged(worker, acting);
  if (refused !== null || !worker) return { refused: refused ?? GONE };
  const { worker_id } = worker;
  const check_ms = context.at_ms + context.policy.worker_start_ms;
  return {
    events: [
      ...takeAll(state, act, acting, job, context),
      { type: 'WorkerRestarting', entity: worker_id, data: { check_ms } },
    ],
    ...(acting.fleet && worker.launched ? { machine: true } : {}),
  };
}

function replace(
  state: State,
  act: Act,
  acting: Acting & { changed: ReadonlySet<string> },
  context: Context,
): Done | { refused: string } | null {
  const { worker, job } = act.subject;
  if (worker?.state === 'STARTING') return null;
  const refused = unmanaged(worker, acting);
  if (refused !== null || !worker) return { refused: refused ?? GONE };
  const ended: Event[] = [
    ...takeAll(state, act, acting, job, context),
    { type: 'WorkerTerminated', entity: worker.worker_id, data: { reason: act.why } },
  ];
  if (acting.fleet?.replaces) return { events: ended, machine: true };
  const launched = launch(acting, `in place of ${worker.worker_id}`, worker, context);
  if (launched === null || 'refused' in launched) return launched;
  return { ...launched, events: [...ended, ...launched.events] };
}

/** All jobs of the worker return; the one that the verdict is about must not do so for ever. */
function takeAll(
  state: State,
  act: Act,
  acting: { changed: ReadonlySet<string> },
  job: JobRecord | undefined,
  context: Context,
): Event[] {
  const worker = untouched(act.subject.worker!, acting);
  const others = { ...worker, holds: worker.holds.filter(({ job_id }) => job_id !== job?.job_id) };
  const message = `${act.why} (policy ${act.policy.name})`;
  return [
    ...(job ? requeue(state, job, act, context) : []),
    ...takeJobs(state, others, { code: 'worker_restarted', message, counts: false }, context),
  ];
}

/** `like`: the worker that it takes the place of. */
function launch(
  { fleet, worker_ids = [] }: Acting,
  reason: string,
  like: WorkerRecord | null,
  { at_ms, policy }: Context,
): Done | { refused: string } | null {
  if (!fleet) return { refused: NO_FLEET };
  const [worker_id] = worker_ids;
  if (worker_id === undefined) return null;
  const capabilities = Object.fromEntries(
    Object.entries(like?.capabilities ?? {}).filter(([, value]) => value != null),
  );
  const data = { capabilities, location: {}, check_ms: at_ms + policy.worker_start_ms, reason };
  return {
    events: [{ type: 'WorkerLaunched', entity: worker_id, data }],
    launched_worker_id: worker_id,
    machine: true,
  };
}

const GONE = 'Its worker is gone.';
const NO_FLEET = 'This monitor has no fleet on which it starts and ends workers.';

/** Why the fleet has no part in the worker's life; null if it has. */
function unmanaged(worker: WorkerRecord | undefined, { fleet }: Acting): string | null {
  if (!worker || worker.state === 'TERMINATED') return GONE;
  if (!fleet) return NO_FLEET;
  return worker.launched ? null : `This monitor did not launch ${worker.worker_id}.`;
}

/** The worker without the jobs that this command takes from it already. */
const untouched = (worker: WorkerRecord, { changed }: { changed: ReadonlySet<string> }): WorkerRecord => ({
  ...worker,
  holds: worker.holds.filter(({ job_id }) => !changed.has(job_id)),
});
