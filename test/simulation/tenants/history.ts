/**
 * One history of tenants that share workers: they come and go, are limited, paused and weighted anew, some have workers of
 * their own; monitors restart at any time. From a seed, or as a script for a rule that is broken on purpose.
 */
import type { Priority } from '../../../protocol/job.ts';
import type { CommandBody } from '../../../server/state-machine/decide/commands.ts';
import { limitsIn, NO_LIMITS } from '../../../server/state-machine/state/limits.ts';
import { restore, snapshotRows } from '../../../server/state-machine/state/snapshot.ts';
import { type Lease, Monitor } from '../../../server/state-machine/testing.ts';
import { Chance } from '../chance.ts';
import type { PartResult } from '../part-result.ts';
import { TenantAudit } from './audit.ts';

const STEPS = 250;
const TENANTS = ['default', 'a', 'b', 'c'] as const;
const CLASSES: readonly Priority[] = ['high', 'normal', 'normal', 'normal', 'low'];

export class TenantsHistory {
  readonly #monitor = new Monitor();
  readonly #audit: TenantAudit;
  readonly #leases: Lease[] = [];
  readonly #steps: string[] = [];
  readonly #counts: Record<string, number> = {};
  #violation: PartResult['violation'] = null;
  #jobs = 0;

  constructor() {
    this.#audit = new TenantAudit((invariant, message) => {
      this.#violation ??= { invariant, message: `${message} (step ${this.#steps.length})` };
    });
    for (const worker_id of ['shared-1', 'shared-2']) this.#monitor.register(worker_id);
    const registration = { capabilities: {} };
    this.#do({ type: 'register_worker', worker_id: 'a_1', registration, tenant: 'a' });
    for (const [key_id, more] of [
      ['one', limitsIn({ max_running: 1 })],
      ['free', {}],
    ] as const) {
      const narrowed = { role: 'submit', name: '', tags: null, worker_id: null, tenant: 'b', ...more } as const;
      const made = { expires_ms: null, secret_hash: 'h', by: 'test', outside_admin: true };
      this.#do({ type: 'create_key', key_id, ...narrowed, ...made });
    }
  }

  get violated(): boolean {
    return this.#violation !== null;
  }

  submit(tenant: string, count: number, { priority = 'normal' as Priority, key = null as string | null } = {}): void {
    const jobs = Array.from({ length: count }, () => {
      this.#jobs += 1;
      const job = { job_id: `job-${this.#jobs}`, audio_url: 's3://a/b.wav', priority };
      return tenant === 'default' ? job : { ...job, tenant };
    });
    const by = key === null ? {} : { submitted_by: `key:${key}` };
    if (this.#do({ type: 'submit_jobs', jobs, ...by })) this.#note('quota refused');
  }

  claim(worker_id: string, max_jobs = 1): number {
    const monitor = this.#monitor;
    this.#audit.look(monitor.state);
    // One by one on a copy, as the events of the claim are applied.
    const before = monitor.state;
    const leases = monitor.claim(worker_id, max_jobs);
    this.#log(`${worker_id} claims ${max_jobs}: ${leases.map(({ job_id }) => job_id).join()}`);
    const replay = new Monitor();
    replay.state = before;
    replay.at_ms = monitor.at_ms;
    for (const { job_id, token, expires_ms } of leases) {
      this.#audit.look(replay.state);
      const job = replay.job(job_id);
      this.#audit.assigned(replay.state, job, worker_id);
      this.#note(`served ${job.tenant ?? 'default'}`);
      const data = { worker_id, instance_id: null, attempt: job.attempt, token, expires_ms, estimated_cost_usd: null };
      replay.apply({ type: 'JobAssigned', entity: job_id, data });
    }
    if (leases.length < max_jobs && !worker_id.includes('_')) this.#audit.nothing(replay.state);
    this.#leases.push(...leases);
    this.#audit.look(monitor.state);
    return leases.length;
  }

  /** Ends one of the running jobs; `retry`: it returns to its place. */
  end(which: number, retry: boolean): void {
    const [lease] = this.#leases.splice(which % Math.max(1, this.#leases.length), 1);
    if (!lease) return;
    const { job_id, token: lease_token } = lease;
    const error = { code: 'worker_drained', message: 'drained', retryable: true };
    const output = { s3_path: 's3://t', segments_count: 1 };
    if (retry) this.#do({ type: 'fail_job', job_id, lease_token, error, batch_size: null, jitter: 0 });
    else this.#do({ type: 'complete_job', job_id, lease_token, output });
  }

  set(tenant: string, settings: { weight?: number; max_running?: number | null; jobs_per_day?: number | null }): void {
    const { weight = 1, ...limits } = settings;
    this.#audit.forget(tenant);
    this.#do({ type: 'set_tenant', tenant, weight, limits: { ...NO_LIMITS, ...limits }, by: 'test' });
  }

  change(tenant: string, type: 'pause_tenant' | 'resume_tenant' | 'reset_tenant'): void {
    if (type === 'reset_tenant') this.#audit.forget(tenant);
    this.#do({ type, tenant, by: 'test' });
    this.#note(type);
  }

  /** Another instance has the same fold. */
  restart(): void {
    const rows = [...snapshotRows(this.#monitor.state)];
    this.#monitor.state = restore(rows);
    this.#note('restart');
    if (rows.join() !== [...snapshotRows(this.#monitor.state)].join())
      this.#violation ??= { invariant: 'replay', message: 'a restored state has other rows' };
  }

  later(ms: number): void {
    this.#monitor.later(ms);
  }

  run(seed: number): PartResult {
    const chance = new Chance(seed);
    for (let step = 0; step < STEPS && !this.violated; step++) {
      this.#step(chance);
      this.#audit.look(this.#monitor.state);
      if (step % 25 === 0) this.#audit.quotas(this.#monitor.state, this.#monitor.at_ms);
    }
    return this.result(seed);
  }

  #step(chance: Chance): void {
    const tenant = chance.pick(TENANTS);
    const what = chance.weighted({
      submit: 5,
      claim: 9,
      own: 1,
      end: 8,
      set: 0.6,
      pause: 0.5,
      resume: 0.8,
      later: 1,
      restart: 0.3,
    });
    switch (what) {
      case 'submit': {
        const key = tenant === 'b' ? chance.pick(['one', 'free', null]) : null;
        return this.submit(tenant, chance.whole(1, 8), { priority: chance.pick(CLASSES), key });
      }
      case 'claim':
        return void this.claim(chance.pick(['shared-1', 'shared-2']), chance.whole(1, 3));
      case 'own':
        return void this.claim('a_1', chance.whole(1, 2));
      case 'end':
        return this.end(chance.whole(0, 99), chance.happens(0.2));
      case 'set': {
        const max_running = chance.pick([null, null, 1, 3]);
        return this.set(tenant, {
          weight: chance.pick([1, 1, 2, 5]),
          max_running,
          jobs_per_day: chance.pick([null, 30]),
        });
      }
      case 'pause':
        return this.change(tenant, 'pause_tenant');
      case 'resume':
        return this.change(chance.pick([...TENANTS]), chance.happens(0.8) ? 'resume_tenant' : 'reset_tenant');
      case 'later':
        return this.later(chance.pick([100, 5_000, 3_600_000]));
      case 'restart':
        return this.restart();
    }
  }

  result(seed: number): PartResult {
    return {
      seed,
      violation: this.#violation,
      steps: this.#steps.slice(-30),
      trace: [...snapshotRows(this.#monitor.state)].join('\n'),
      counts: this.#counts,
    };
  }

  /** Returns whether it was refused. */
  #do(body: CommandBody): boolean {
    const { refusal } = this.#monitor.run(body);
    this.#log(`${body.type} ${'tenant' in body ? body.tenant : ''} ${refusal?.code ?? ''}`);
    this.#audit.look(this.#monitor.state);
    return refusal !== undefined;
  }

  #log(step: string): void {
    this.#steps.push(step);
  }

  #note(name: string): void {
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
  }
}

export const runTenantsHistory = (seed: number): PartResult => new TenantsHistory().run(seed);
