/** What policies must never do, whatever the fold remembers of it: an account of its own, from the events alone. */
import { HOUR_MS } from '../../../protocol/time.ts';
import type { Policies } from '../../../server/policies/policies.ts';
import type { Event, PolicyEvent } from '../../../server/state-machine/events.ts';
import type { State } from '../../../server/state-machine/state/state.ts';

type Decided = PolicyEvent & { type: 'ActionDecided' };

export class PolicyAudit {
  readonly #violate: (invariant: string, message: string) => void;
  readonly #acted: { at_ms: number; policy: string; breaks: boolean; judged_ms: number }[] = [];
  readonly #keys = new Set<string>();
  /** Job → the lease and the deadline of an engine that was to be killed. */
  readonly #killed = new Map<string, { token: string; kill_ms: number }>();
  #paused_until_ms = 0;
  #resumed_ms = 0;

  constructor(violate: (invariant: string, message: string) => void) {
    this.#violate = violate;
  }

  /** One command: its events, with the fold before and after them. */
  command(before: State, after: State, events: readonly Event[], policies: Policies, at_ms: number): void {
    for (const event of events) {
      if (event.type === 'PoliciesPaused') this.#paused_until_ms = event.data.until_ms;
      else if (event.type === 'PoliciesResumed') {
        this.#paused_until_ms = 0;
        if (event.data.by !== 'time') this.#resumed_ms = at_ms;
      } else if (event.type === 'ActionDecided') this.#decided(before, after, event, policies, at_ms);
    }
    for (const [job_id, { token, kill_ms }] of this.#killed) {
      const run = after.job(job_id)?.run;
      if (run?.token !== token || run.ended_ms !== null) this.#killed.delete(job_id);
      else if (run.expires_ms! > kill_ms)
        this.#violate('deadline', `the lease on ${job_id} goes on after its engine was to end`);
    }
  }

  #decided(before: State, after: State, { entity, data }: Decided, policies: Policies, at_ms: number): void {
    const job = data.of === 'job' ? before.job(entity) : undefined;
    const worker = data.of === 'worker' ? before.worker(entity) : undefined;
    const begun = job
      ? job.state === 'PROCESSING'
        ? job.run!.assigned_ms
        : job.queued_ms
      : worker?.verdict?.judged_ms;
    const about = `${entity} ${data.verdict} ${begun}`;
    const key = data.outcome === 'acted' ? about : `${about} ${data.policy} ${data.outcome}`;
    if (this.#keys.has(key) && (data.outcome === 'acted' || data.outcome === 'dry_run')) {
      this.#violate('once', `${data.policy}: ${data.outcome} again about ${about}`);
    }
    this.#keys.add(key);
    if (data.outcome !== 'acted') return;
    const policy = policies.policies.find(({ name }) => name === data.policy);
    if (policy?.mode !== 'on') return this.#violate('mode', `${data.policy} acts and is ${policy?.mode}`);
    const hour = this.#acted.filter((one) => one.policy === data.policy && one.at_ms > at_ms - HOUR_MS);
    if (hour.length >= policy.per_hour)
      this.#violate('per_hour', `${data.policy} acts ${hour.length + 1} times an hour`);
    const breaks = data.action !== 'end_worker';
    if (breaks && at_ms < this.#paused_until_ms) this.#violate('paused', `${data.policy} acts while paused`);
    const judged_ms = job?.verdict?.judged_ms ?? worker?.verdict?.judged_ms ?? at_ms;
    this.#acted.push({ at_ms, policy: data.policy, breaks, judged_ms });
    const { actions, within_ms } = policies.breaker;
    const since_ms = Math.max(at_ms - within_ms, this.#resumed_ms);
    const at_once = this.#acted.filter((one) => one.breaks && one.at_ms > since_ms && one.judged_ms > this.#resumed_ms);
    if (at_once.length > actions) this.#violate('breaker', `${at_once.length} actions at once`);
    if (job) this.#aboutJob(before, after, { job_id: entity, data }, at_ms);
  }

  #aboutJob(
    before: State,
    after: State,
    { job_id, data }: { job_id: string; data: Decided['data'] },
    at_ms: number,
  ): void {
    const { run, progress, state } = before.job(job_id)!;
    if (state !== 'PROCESSING' || !run) return;
    const moved_ms = progress?.pulse?.moved_ms ?? 0;
    if (data.verdict === 'hung' && moved_ms === at_ms)
      this.#violate('moved', `${job_id} is acted on as hung, and moves`);
    if (data.action === 'kill_engine') {
      this.#killed.set(job_id, { token: run.token!, kill_ms: data.kill_ms! });
      return;
    }
    const now = after.job(job_id)!.run!;
    if (now.token === run.token && now.ended_ms === null) {
      this.#violate('fence', `${data.action} of ${job_id} leaves its lease to ${run.worker_id}`);
    }
  }
}
