/**
 * What policies do in a tick about verdicts that stand: decided from the fold alone, so that a limit holds over restarts and
 * over all instances.
 *
 *     a verdict stands, a policy is for it, and this tick judges the same
 *       → enough of them at once?   all policies are paused
 *       → cannot be done here?      refused
 *       → per_hour reached?         limited
 *       → acted                     ActionDecided, then the events of the action, which end the lease
 *
 * A decision is recorded once for each verdict on an attempt (or wait) of a job, and for each verdict on a worker; one that acted
 * or was refused is final.
 */
import { type ActionPolicy, policyFor } from '../../policies/policies.ts';
import { fleetOf } from '../../verdicts/fleet-view.ts';
import { judge } from '../../verdicts/judge.ts';
import { judgeWorker } from '../../verdicts/judge-worker.ts';
import { BY_TIME } from '../apply/policies.ts';
import type { Event, PolicyEvent } from '../events.ts';
import { type ActionNote, lastHour, newestActions } from '../state/actions.ts';
import { HELD_BACK_CAUSES } from '../state/held-back.ts';
import type { JobRecord, WorkerRecord } from '../state/records.ts';
import type { State } from '../state/state.ts';
import { offTrack } from '../state/verdicts.ts';
import { type Act, type Acting, actOn } from './actions.ts';
import type { Context } from './decision.ts';
import { labelsOfJob, labelsOfWorker } from './policy-labels.ts';

/** Jobs that a tick looks at, and decisions that it records, at most; the next one goes on. */
const LOOKS_MAX = 1_000;
const DECISIONS_MAX = 100;
const WORST_FIRST = ['dead', 'hung', 'slow', 'blocked', 'starved'] as const;
/** Fewer actions than these are never a sign that something larger is wrong. */
const BREAKER_MIN = 3;

/** `touched`: ids of jobs and workers whose state this command changes already. */
export function decidePolicies(state: State, acting: Acting, touched: ReadonlySet<string>, context: Context): Event[] {
  return decideStanding(state, standing(state, touched, context), acting, touched, context);
}

/** The same for one worker, as it will be once it has this verdict. */
export function decideAbout(state: State, worker: WorkerRecord, acting: Acting, context: Context): Event[] {
  return decideStanding(state, standingWorkers([worker], context), acting, new Set(), context);
}

/** A verdict that stands, and the policy for it. `earlier`: what was decided about it before. */
type Standing = Act & { policy: ActionPolicy; judged_ms: number; due: boolean; earlier: readonly ActionNote[] };

function decideStanding(
  state: State,
  found: readonly Standing[],
  acting: Acting,
  touched: ReadonlySet<string>,
  context: Context,
): Event[] {
  const events: Event[] = [];
  const { at_ms } = context;
  let paused = state.scalars.policies_paused;
  if (paused !== null && at_ms >= paused.until_ms) {
    events.push({ type: 'PoliciesResumed', entity: 'policies', data: { by: BY_TIME } });
    paused = null;
  }
  const wanting = found.filter(({ policy, earlier }) => policy.mode === 'on' && !isOver(earlier));
  const reason = paused === null ? tooMany(state, wanting, context) : null;
  if (reason !== null) {
    const until_ms = at_ms + context.policy.policies.breaker.pause_ms;
    events.push({ type: 'PoliciesPaused', entity: 'policies', data: { until_ms, reason } });
  }
  const isPaused = paused !== null || reason !== null;
  const changed = new Set(touched);
  const acted = new Map<string, number>();
  const ids = [...(acting.worker_ids ?? [])];
  let decided = 0;
  for (const one of found) {
    const { policy, subject, earlier, due } = one;
    if (!due || isOver(earlier) || decided === DECISIONS_MAX) continue;
    if (changed.has(subject.id) || (subject.worker && changed.has(subject.worker.worker_id))) continue;
    const record = (data: Pick<Decided, 'outcome' | 'reason'> & Partial<Decided>): void => {
      const isKnown = (note: ActionNote) => note.outcome === data.outcome && note.policy === policy.name;
      if (earlier.some(isKnown)) return;
      decided += 1;
      events.push(decisionOf(one, { by: acting.by, ...data }));
    };
    const done = actOn(state, one, { ...acting, worker_ids: ids, changed }, context);
    if (done === null) continue;
    if ('refused' in done) record({ outcome: 'refused', reason: done.refused });
    else if (policy.mode === 'dry_run') record({ outcome: 'dry_run', reason: one.why });
    else if (isPaused && breaks(policy)) record({ outcome: 'paused', reason: 'All policies are paused.' });
    else {
      const count = lastHour(state, policy.name, 'acted', at_ms).length + (acted.get(policy.name) ?? 0);
      if (count >= policy.per_hour) {
        const times = policy.per_hour === 1 ? 'once' : `${policy.per_hour} times`;
        record({ outcome: 'limited', reason: `The policy may act ${times} an hour.` });
      } else {
        const { events: own, ...more } = done;
        record({ outcome: 'acted', reason: one.why, ...more });
        events.push(...own);
        acted.set(policy.name, (acted.get(policy.name) ?? 0) + 1);
        if (done.launched_worker_id !== undefined) ids.shift();
        for (const { entity } of own) changed.add(entity);
        changed.add(subject.id);
        if (subject.worker && policy.action !== 'requeue' && policy.action !== 'kill_engine')
          changed.add(subject.worker.worker_id);
      }
    }
  }
  return events;
}

type Decided = (PolicyEvent & { type: 'ActionDecided' })['data'];

function decisionOf(
  { policy, subject, verdict }: Standing,
  { outcome, reason, by, ...more }: Pick<Decided, 'outcome' | 'reason' | 'by'> & Partial<Decided>,
): PolicyEvent {
  const data: Decided = {
    of: subject.job ? 'job' : 'worker',
    policy: policy.name,
    verdict: policy.verdict,
    action: policy.action,
    mode: policy.mode,
    outcome,
    reason,
    evidence: verdict.evidence,
    worker_id: subject.worker?.worker_id ?? subject.job?.run?.worker_id ?? null,
    ...(subject.job ? { state: subject.job.state as 'QUEUED' | 'PROCESSING' } : {}),
    by,
    ...more,
  };
  return { type: 'ActionDecided', entity: subject.id, data };
}

/** What was done is done once; what cannot be done is not tried again. */
const isOver = (earlier: readonly ActionNote[]): boolean =>
  earlier.some(({ outcome }) => outcome === 'acted' || outcome === 'refused');

/** To call a worker TERMINATED whose instance does not exist ends nothing: however many there are, it harms nobody. */
const breaks = ({ action }: Pick<ActionPolicy, 'action'>): boolean => action !== 'end_worker';

/** Why all policies are to be paused; null if they are not. */
function tooMany(state: State, wanting: readonly Standing[], { at_ms, policy }: Context): string | null {
  const { actions, share, within_ms } = policy.policies.breaker;
  const { policies_resumed_ms } = state.scalars;
  const at_once = wanting.filter((one) => breaks(one.policy) && one.judged_ms > policies_resumed_ms);
  if (!at_once.some(({ due }) => due)) return null;
  const from_ms = Math.max(at_ms - within_ms, policies_resumed_ms);
  let count = at_once.length;
  for (const { at_ms: acted_ms, outcome, action } of newestActions(state)) {
    if (acted_ms <= from_ms) break;
    if (outcome === 'acted' && breaks({ action })) count += 1;
  }
  const all = Math.max(state.fleet.live_workers, state.tables.jobs_by_state.PROCESSING.size);
  const limit = Math.min(actions, Math.max(BREAKER_MIN, Math.floor(share * all)));
  if (count <= limit) return null;
  const window = within_ms % 60_000 === 0 ? `${within_ms / 60_000} min` : `${within_ms / 1000} s`;
  return `${count} actions within ${window} are more than ${limit}: the monitor, the network or the store may be at fault.`;
}

/** Verdicts that stand and have a policy. A job that moved since the verdict was recorded has no such verdict any more. */
function standing(state: State, touched: ReadonlySet<string>, context: Context): Standing[] {
  const found: Standing[] = [];
  const fleet = fleetOf(state);
  let looks = 0;
  let launches = isComing(state);
  for (const job of offTrack(state, WORST_FIRST)) {
    looks += 1;
    if (looks > LOOKS_MAX) break;
    if (touched.has(job.job_id)) continue;
    const worker = job.state === 'PROCESSING' ? state.worker(job.run?.worker_id ?? '') : undefined;
    const policy = policyFor(context.policy.policies, job.verdict.status, labelsOfJob(job, worker), job.tags);
    if (!policy || policy.action === 'none') continue;
    const earlier = earlierAbout(job.actions, policy.verdict, sinceOf(job));
    if (policy.action === 'launch_worker') {
      // One worker for all that wait, and no other until it has come.
      const { cause } = job.verdict.evidence;
      if (launches || cause === 'url_expired' || HELD_BACK_CAUSES.has(cause) || isOver(earlier)) continue;
      launches = true;
    }
    const now = judge(state, job, context.at_ms, fleet);
    if (now.status !== job.verdict.status) continue;
    const subject = { id: job.job_id, job, worker };
    const judged_ms = job.verdict.judged_ms ?? job.verdict.since_ms;
    found.push({ ...standingOf(policy, judged_ms, earlier, context), subject, verdict: now, why: now.reason });
  }
  const workers = [...state.tables.workers.values()].filter(
    (worker) =>
      worker.verdict !== undefined &&
      !touched.has(worker.worker_id) &&
      judgeWorker(state, worker, context.at_ms)?.status === worker.verdict.status,
  );
  return [...found, ...standingWorkers(workers, context)];
}

function standingWorkers(workers: readonly WorkerRecord[], context: Context): Standing[] {
  return workers.flatMap((worker) => {
    const { verdict } = worker;
    if (!verdict) return [];
    const policy = policyFor(context.policy.policies, verdict.status, labelsOfWorker(worker));
    if (!policy || policy.action === 'none') return [];
    const earlier = earlierAbout(worker.actions ?? null, policy.verdict, verdict.judged_ms);
    const subject = { id: worker.worker_id, job: undefined, worker };
    return [{ ...standingOf(policy, verdict.judged_ms, earlier, context), subject, verdict, why: verdict.reason }];
  });
}

const standingOf = (
  policy: ActionPolicy,
  judged_ms: number,
  earlier: readonly ActionNote[],
  { at_ms }: Context,
): Pick<Standing, 'policy' | 'judged_ms' | 'due' | 'earlier'> => ({
  policy,
  judged_ms,
  due: at_ms - judged_ms >= policy.after_ms,
  earlier,
});

/** From then on a decision is about this attempt, or this wait. One that ended the last attempt may be as old as this one. */
const sinceOf = ({ state, run, queued_ms }: JobRecord): number =>
  1 + (state === 'PROCESSING' ? (run?.assigned_ms ?? 0) : queued_ms);

const earlierAbout = (notes: readonly ActionNote[] | null, verdict: string, since_ms: number): readonly ActionNote[] =>
  (notes ?? []).filter((note) => note.verdict === verdict && note.at_ms >= since_ms);

/** A worker is about to come, or come back. */
function isComing({ tables }: State): boolean {
  for (const { state, reported } of tables.workers.values()) {
    if (!reported && (state === 'STARTING' || state === 'RESTARTING')) return true;
  }
  return false;
}
