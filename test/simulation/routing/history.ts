/**
 * One history of jobs that require models, options, languages, devices and tags of their workers, which come, go and change
 * what they have; monitors restart at any time. What each claim must give is found by looking at every waiting job.
 */
import type { Priority } from '../../../protocol/job.ts';
import type { JobOptions } from '../../../protocol/job-options.ts';
import type { Requirements } from '../../../protocol/requirements.ts';
import type { KnownCapabilities } from '../../../protocol/worker.ts';
import type { CommandBody } from '../../../server/state-machine/decide/commands.ts';
import type { JobRecord, WorkerRecord } from '../../../server/state-machine/state/records.ts';
import { restore, snapshotRows } from '../../../server/state-machine/state/snapshot.ts';
import { type Lease, Monitor } from '../../../server/state-machine/testing.ts';
import { judge } from '../../../server/verdicts/judge.ts';
import { Chance } from '../chance.ts';
import type { PartResult } from '../part-result.ts';

const STEPS = 200;
const CLASSES: readonly Priority[] = ['high', 'normal', 'normal', 'normal', 'low'];
const TENANTS = [undefined, undefined, 'a', 'b'] as const;
const WORKERS = ['w1', 'w2', 'w3', 'w4'] as const;
const BLOCKED_MS = 20_000;

const OPTIONS: readonly (JobOptions | undefined)[] = [
  undefined,
  undefined,
  { model: 'large' },
  { model: 'tiny', language: 'de-CH' },
  { language: 'en' },
  { diarize: true },
  { model: 'a|b~c', prompt: 'x' },
];
const REQUIRED: readonly (Requirements | undefined)[] = [
  undefined,
  undefined,
  { device: 'cuda' },
  { tags: ['eu'] },
  { device: 'cpu', tags: ['us', 'eu'] },
];

export class RoutingHistory {
  readonly #monitor = new Monitor({ retry_base_ms: 0 });
  readonly #leases: Lease[] = [];
  readonly #steps: string[] = [];
  readonly #counts: Record<string, number> = {};
  #violation: PartResult['violation'] = null;
  #jobs = 0;

  submit(
    options: JobOptions | undefined,
    requires?: Requirements,
    more: { priority?: Priority; tenant?: string } = {},
  ) {
    this.#jobs += 1;
    const job = { job_id: `job-${this.#jobs}`, audio_url: 's3://a/b.wav', ...more };
    this.#do({ type: 'submit_jobs', jobs: [{ ...job, ...(options && { options }), ...(requires && { requires }) }] });
  }

  register(worker_id: string, capabilities: KnownCapabilities): void {
    const registration = { capabilities: capabilities as object, location: {} };
    this.#do({ type: 'register_worker', worker_id, registration });
  }

  /** Compares what the worker gets with what a look at every waiting job says. */
  claim(worker_id: string, max_jobs = 1): void {
    const before = this.#monitor.state;
    const worker = before.worker(worker_id);
    if (!worker || worker.state === 'TERMINATED') return;
    const waiting = [...before.tables.jobs.values()].filter(({ state }) => state === 'QUEUED');
    const fitting = waiting.filter((job) => suits(worker, job));
    const leases = this.#monitor.claim(worker_id, max_jobs);
    this.#steps.push(`${worker_id} claims ${max_jobs}: ${leases.map(({ job_id }) => job_id).join()}`);
    const got = new Set(leases.map(({ job_id }) => job_id));
    for (const { job_id } of leases) {
      const job = before.job(job_id)!;
      if (!suits(worker, job)) this.#violate('fit', `${worker_id} got ${job_id}, which requires ${namesOf(job)}`);
      const first = fitting.find(
        (one) =>
          one.priority === job.priority && one.tenant === job.tenant && one.place < job.place && !got.has(one.job_id),
      );
      if (first) this.#violate('order', `${worker_id} got ${job_id} before ${first.job_id}`);
    }
    if (leases.length < Math.min(max_jobs, fitting.length))
      this.#violate('starved', `${worker_id} got ${leases.length} of ${fitting.length} jobs that it can do`);
    this.#note(leases.length > 0 ? 'got' : waiting.length > 0 ? 'got none of those that wait' : 'none waits');
    this.#leases.push(...leases);
  }

  end(which: number, how: 'completes' | 'hands back'): void {
    const [lease] = this.#leases.splice(which % Math.max(1, this.#leases.length), 1);
    if (!lease) return;
    const { job_id, token: lease_token } = lease;
    const error = { code: 'worker_drained', message: 'drained', retryable: true };
    const output = { s3_path: 's3://t', segments_count: 1 };
    if (how === 'completes') this.#do({ type: 'complete_job', job_id, lease_token, output });
    else this.#do({ type: 'fail_job', job_id, lease_token, error, batch_size: null, jitter: 0 });
  }

  terminate(worker_id: string): void {
    if (this.#monitor.state.worker(worker_id)) this.#do({ type: 'terminate_worker', worker_id, reason: 'over' });
  }

  /** Another instance has the same fold. */
  restart(): void {
    const rows = [...snapshotRows(this.#monitor.state)];
    this.#monitor.state = restore(rows);
    this.#note('restart');
    if (rows.join() !== [...snapshotRows(this.#monitor.state)].join())
      this.#violate('replay', 'a restored state has other rows');
  }

  /** A job that no worker can do says so and why; one that a worker can do does not. */
  judge(): void {
    const { state, at_ms } = this.#monitor;
    for (const job of state.tables.jobs.values()) {
      if (job.state !== 'QUEUED') continue;
      const workers = [...state.tables.workers.values()].filter((one) => one.state !== 'TERMINATED');
      const can = workers.some((worker) => suits(worker, job) && worker.status !== 'UNHEALTHY');
      const verdict = judge(state, job, at_ms + BLOCKED_MS);
      if ((verdict.status === 'blocked') === can) {
        this.#violate('blocked', `${job.job_id} is ${verdict.status}: ${verdict.reason}; requires ${namesOf(job)}`);
      }
      this.#note(`a waiting job is ${verdict.status}`);
    }
  }

  run(seed: number): PartResult {
    const chance = new Chance(seed);
    for (let step = 0; step < STEPS && this.#violation === null; step++) this.#step(chance);
    return this.result(seed);
  }

  #step(chance: Chance): void {
    switch (chance.weighted({ submit: 9, claim: 9, end: 7, register: 1.5, terminate: 0.4, restart: 0.3, judge: 1 })) {
      case 'submit': {
        const tenant = chance.pick(TENANTS);
        const more = { priority: chance.pick(CLASSES), ...(tenant && { tenant }) };
        return this.submit(chance.pick(OPTIONS), chance.pick(REQUIRED), more);
      }
      case 'claim':
        return this.claim(chance.pick(WORKERS), chance.whole(1, 3));
      case 'end':
        return this.end(chance.whole(0, 99), chance.happens(0.2) ? 'hands back' : 'completes');
      case 'register':
        return this.register(chance.pick(WORKERS), {
          ...chance.pick([{}, { model: 'large' }, { model: 'tiny', models: ['a|b~c'] }]),
          ...chance.pick([{}, { languages: ['en'] }, { languages: ['de', 'en'] }]),
          ...chance.pick([{}, { options: ['language'] }, { options: ['language', 'diarize', 'prompt'] }]),
          ...chance.pick([{}, { device: 'cuda' }, { device: 'cpu' }]),
          ...chance.pick([{}, { tags: ['eu'] }, { tags: ['eu', 'us'] }]),
        });
      case 'terminate':
        return this.terminate(chance.pick(WORKERS));
      case 'restart':
        return this.restart();
      case 'judge':
        return this.judge();
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

  #do(body: CommandBody): void {
    const { refusal } = this.#monitor.run(body);
    this.#steps.push(`${JSON.stringify(body).slice(0, 200)} ${refusal?.code ?? ''}`);
  }

  #violate(invariant: string, message: string): void {
    this.#violation ??= { invariant, message: `${message} (step ${this.#steps.length})` };
  }

  #note(name: string): void {
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
  }
}

const namesOf = ({ options, requires }: JobRecord): string => JSON.stringify({ ...options, ...requires });

/** Written apart from the product, without keys. */
function suits({ capabilities: has }: WorkerRecord, { options = {}, requires = {} }: JobRecord): boolean {
  const { model, language, ...others } = options;
  const models = [has.model, ...(has.models ?? [])].filter((one) => one != null);
  if (model !== undefined && models.length > 0 && !models.includes(model)) return false;
  if (language !== undefined && has.languages && !has.languages.includes(language.slice(0, 2))) return false;
  const names = Object.keys({ ...others, ...(language === undefined ? {} : { language }) });
  if (has.options && names.some((name) => !has.options!.includes(name))) return false;
  if (requires.device !== undefined && has.device !== requires.device) return false;
  return (requires.tags ?? []).every((tag) => has.tags?.includes(tag));
}

export const runRoutingHistory = (seed: number): PartResult => new RoutingHistory().run(seed);
