/**
 * One history of policies that act: workers that hang, die, fall silent together or come back with an old lease; monitors with
 * different files of policies, restarted at any time. From one seed. No healthy job may be touched.
 */
import { readPolicies } from '../../../server/policies/defaults.ts';
import type { Policies } from '../../../server/policies/policies.ts';
import type { CommandBody } from '../../../server/state-machine/decide/commands.ts';
import { renewable } from '../../../server/state-machine/decide/workers.ts';
import { isKilled } from '../../../server/state-machine/state/records.ts';
import { restore, snapshotRows } from '../../../server/state-machine/state/snapshot.ts';
import { type Lease, Monitor } from '../../../server/state-machine/testing.ts';
import { Chance } from '../chance.ts';
import { PolicyAudit } from './audit.ts';

export type PoliciesResult = {
  seed: number;
  violation: { invariant: string; message: string } | null;
  steps: string[];
  trace: string;
  counts: Record<string, number>;
};

const STEP_MS = 10_000;
const STEPS = 500;
/** Of a healthy job, in steps. */
const LENGTH = 12;

type Fate = 'healthy' | 'hangs' | 'pauses' | 'dies';
type Attempt = Lease & { fate: Fate; done: number; still: number };
type SimWorker = {
  id: string;
  alive: boolean;
  silent_steps: number;
  obeys: boolean;
  held: Attempt[];
};

export function runPoliciesHistory(seed: number): PoliciesResult {
  return new PoliciesHistory(seed).run();
}

class PoliciesHistory {
  readonly #seed: number;
  readonly #chance: Chance;
  readonly #monitor: Monitor;
  readonly #audit: PolicyAudit;
  readonly #workers: SimWorker[] = [];
  readonly #settings: Policies[];
  readonly #steps: string[] = [];
  readonly #counts: Record<string, number> = {};
  /** Every lease of a job that goes as it should, by its job. */
  readonly #healthy = new Map<string, string>();
  #violation: PoliciesResult['violation'] = null;
  #spared_steps = 0;
  #named = 0;

  constructor(seed: number) {
    this.#seed = seed;
    this.#chance = new Chance(seed);
    this.#settings = Array.from({ length: this.#chance.whole(1, 2) }, () => this.#drawPolicies());
    this.#monitor = new Monitor({ worker_terminated_ms: 20 * 60_000 });
    this.#audit = new PolicyAudit((invariant, message) => {
      this.#violation ??= { invariant, message: `${message} (step ${this.#steps.length})` };
    });
  }

  run(): PoliciesResult {
    this.#teach();
    const size = this.#chance.whole(3, 14);
    for (let n = 0; n < size; n++) this.#arrive();
    for (let step = 0; step < STEPS && this.#violation === null; step++) this.#step();
    return {
      seed: this.#seed,
      violation: this.#violation,
      steps: this.#steps.slice(-30),
      trace: [...snapshotRows(this.#monitor.state)].join('\n'),
      counts: this.#counts,
    };
  }

  #drawPolicies(): Policies {
    const { pick, happens } = {
      pick: <T>(from: readonly T[]) => this.#chance.pick(from),
      happens: () => this.#chance.happens(0.7),
    };
    const mode = () => (happens() ? 'on' : 'dry_run');
    const per_hour = () => pick([1, 2, 5, 60]);
    const entry = (name: string, action: string, after: number) =>
      `  - {name: ${name}, action: ${action}, mode: ${mode()}, after: ${after}, per_hour: ${per_hour()}}`;
    const text = [
      'policies:',
      entry('hung_job', pick(['kill_engine', 'requeue', 'restart_worker', 'replace_worker']), pick([0, 0, 20])),
      entry('dead_job', pick(['requeue', 'requeue', 'replace_worker']), 0),
      entry('slow_job', 'requeue', 60),
      entry('blocked_job', 'launch_worker', 0),
      entry('starved_job', 'launch_worker', 0),
      entry('silent_worker', pick(['replace_worker', 'terminate_instance', 'restart_worker']), pick([0, 60])),
      entry('suspended_worker', 'restart_worker', 0),
      entry('idle_worker', 'terminate_instance', 60),
      `circuit_breaker: {actions: ${pick([2, 4, 10])}, share: 0.3, within: ${pick([60, 300])}, pause: ${pick([120, 600])}}`,
    ].join('\n');
    const read = readPolicies(text);
    if (read.problems) throw new Error(JSON.stringify(read.problems));
    return read.policies;
  }

  /** Jobs that went as usual, so that what is unusual shows within a minute. */
  #teach(): void {
    const monitor = this.#monitor;
    for (let n = 0; n < 25; n++) {
      const lease = monitor.claimed(`taught-${n}`, { duration_seconds: 60 }, 'teacher');
      for (const percentage of [0, 20, 40, 60, 80, 100]) {
        monitor.later(4_000).beat('teacher', [lease]);
        monitor.progress(lease, percentage, { stage: 'transcribing' });
      }
      monitor.complete(lease);
    }
    monitor.run({ type: 'terminate_worker', worker_id: 'teacher', reason: 'done' });
  }

  #run(
    body: CommandBody,
    policies: Policies = this.#settings[0]!,
  ): readonly { type: string; entity: string; data: object }[] {
    const monitor = this.#monitor;
    const before = monitor.state;
    Object.assign(monitor.policy, { policies });
    const { events } = monitor.run(body);
    this.#audit.command(before, monitor.state, events, policies, monitor.at_ms);
    for (const event of events) {
      if (event.type !== 'ActionDecided') continue;
      const { data, entity } = event;
      this.#count(data.outcome);
      if (data.outcome !== 'acted') continue;
      this.#count(`acted ${data.action}`);
      this.#note(`${data.policy} acts on ${entity}: ${data.verdict} → ${data.action}`);
      const token = before.job(entity)?.run?.token;
      if (data.state === 'PROCESSING' && token && this.#healthy.get(entity) === token) {
        this.#violation ??= { invariant: 'healthy', message: `${data.policy} acts on ${entity}, which is healthy` };
      }
    }
    return events;
  }

  #step(): void {
    const chance = this.#chance;
    const monitor = this.#monitor.later(STEP_MS);
    if (chance.happens(0.01)) this.#restart();
    if (chance.happens(0.012)) this.#cut();
    if (chance.happens(0.35)) this.#submit();
    for (const worker of [...this.#workers]) this.#live(worker);
    if (this.#workers.filter(({ alive }) => alive).length < 3 && chance.happens(0.3)) this.#arrive();
    const policies = chance.pick(this.#settings);
    const ids = [`alert-${this.#named}-a`, `alert-${this.#named}-b`];
    const fleet = chance.happens(0.9) ? { replaces: chance.happens(0.3) } : undefined;
    this.#named += 1;
    const acting = { by: 'instance', fleet, worker_ids: [`launched-${this.#named}`, `launched-${this.#named}b`] };
    this.#run({ type: 'tick', ids, expire: this.#spared_steps <= 0, acting }, policies);
    this.#spared_steps -= 1;
    for (const ordinal of [...monitor.state.tables.pending_actions.keys()]) {
      if (chance.happens(0.7)) this.#settle(ordinal);
    }
    if (monitor.state.scalars.policies_paused && chance.happens(0.05)) {
      this.#note('somebody resumes the policies');
      this.#run({ type: 'resume_policies', by: 'ada' });
    }
    if (chance.happens(0.005)) this.#settings[0] = this.#drawPolicies();
  }

  #submit(): void {
    this.#named += 1;
    const jobs = [
      { job_id: `job-${this.#named}`, audio_url: 's3://audio/a.mp3', duration_seconds: 60, max_attempts: 3 },
    ];
    this.#run({ type: 'submit_jobs', jobs });
  }

  #arrive(id = `worker-${++this.#named}`): void {
    this.#workers.push({ id, alive: true, silent_steps: 0, obeys: this.#chance.happens(0.8), held: [] });
    const registration = { capabilities: { model: 'tiny' }, location: {} };
    // As the fleet's: half of them may be replaced.
    if (this.#chance.happens(0.5)) this.#run({ type: 'launch_worker', worker_id: id, launch: {} });
    this.#run({ type: 'register_worker', worker_id: id, registration });
  }

  /** The monitor's process ends, and begins again with the same journal. */
  #restart(): void {
    this.#note('the monitor restarts');
    this.#monitor.state = restore(snapshotRows(this.#monitor.state));
    this.#spared_steps = 6;
    this.#count('restart');
  }

  /** Nothing is heard of most workers for a while. */
  #cut(): void {
    this.#note('the network is cut');
    this.#count('cut');
    const steps = this.#chance.whole(2, 12);
    for (const worker of this.#workers) if (this.#chance.happens(0.8)) worker.silent_steps = steps;
  }

  #settle(ordinal: number): void {
    const action = this.#monitor.state.tables.actions.get(ordinal)!;
    const done = this.#chance.happens(0.8);
    this.#run({ type: 'settle_action', ordinal, done, details: null });
    const { launched_worker_id, worker_id } = action;
    const machine = this.#workers.findLast(({ id }) => id === worker_id);
    if (done && machine && action.action !== 'launch_worker') this.#end(machine);
    if (done && action.action === 'restart_worker' && machine) this.#come(machine.id);
    if (done && launched_worker_id !== null) this.#come(launched_worker_id);
  }

  #end(machine: SimWorker): void {
    machine.alive = false;
    this.#noneIsHealthy(machine);
  }

  #come(id: string): void {
    const known = this.#monitor.state.worker(id);
    if (!known || known.state === 'TERMINATED') return;
    this.#workers.push({ id, alive: true, silent_steps: 0, obeys: true, held: [] });
    this.#run({ type: 'register_worker', worker_id: id, registration: { capabilities: { model: 'tiny' } } });
  }

  #live(worker: SimWorker): void {
    if (!worker.alive) return;
    if (worker.silent_steps > 0) {
      worker.silent_steps -= 1;
      this.#noneIsHealthy(worker);
      return;
    }
    const { state } = this.#monitor;
    const record = state.worker(worker.id);
    if (!record || record.state === 'TERMINATED') {
      worker.alive = false;
      return;
    }
    this.#work(worker);
    if (!worker.alive || worker.silent_steps > 0) return;
    const health = { gpu_usage: 50 };
    const leases = worker.held.map(({ token }) => token);
    this.#run({ type: 'beat', worker_id: worker.id, health, leases });
    const renewed = new Set(renewable(this.#monitor.state, leases));
    for (const attempt of worker.held) {
      const job = this.#monitor.state.job(attempt.job_id);
      if (!renewed.has(attempt.job_id)) this.#drop(worker, attempt);
      else if (job && isKilled(job) && worker.obeys) this.#fail(worker, attempt, 'engine_stalled');
    }
    if (this.#monitor.state.worker(worker.id)?.state === 'RESTARTING') {
      worker.held = [];
      this.#run({ type: 'register_worker', worker_id: worker.id, registration: { capabilities: { model: 'tiny' } } });
    }
    if (worker.held.length === 0 || this.#chance.happens(0.1)) this.#claim(worker);
  }

  #claim(worker: SimWorker): void {
    this.#named += 1;
    const secret = `s${this.#named}`;
    for (const event of this.#run({ type: 'claim_jobs', worker_id: worker.id, max_jobs: 1, secret })) {
      if (event.type !== 'JobAssigned') continue;
      const { token } = event.data as { token: string };
      const fate = this.#chance.weighted<Fate>({ healthy: 80, hangs: 9, pauses: 4, dies: 5 });
      worker.held.push({ job_id: event.entity, token, expires_ms: 0, fate, done: 0, still: 0 });
      if (fate === 'healthy') this.#healthy.set(event.entity, token);
      this.#count(fate);
    }
  }

  #work(worker: SimWorker): void {
    for (const attempt of [...worker.held]) {
      if (attempt.fate !== 'healthy' && attempt.done === 4) {
        attempt.still += 1;
        if (attempt.fate === 'dies') {
          worker.alive = this.#chance.happens(0.4);
          worker.silent_steps = this.#chance.whole(4, 40);
          this.#noneIsHealthy(worker);
          return;
        }
        if (attempt.fate === 'hangs' || attempt.still < this.#chance.whole(2, 10)) continue;
      }
      attempt.done += 1;
      if (attempt.done > LENGTH) {
        const output = { s3_path: 's3://a/b', segments_count: 1 };
        this.#run({ type: 'complete_job', job_id: attempt.job_id, lease_token: attempt.token, output });
        this.#drop(worker, attempt);
        continue;
      }
      const percentage = (100 * attempt.done) / LENGTH;
      const report = { lease_token: attempt.token, percentage, stage: 'transcribing' };
      this.#run({ type: 'report_progress', job_id: attempt.job_id, report });
    }
  }

  #fail(worker: SimWorker, attempt: Attempt, code: string): void {
    const error = { code, message: 'it hangs', retryable: true };
    const { job_id, token: lease_token } = attempt;
    this.#run({ type: 'fail_job', job_id, lease_token, error, batch_size: null, jitter: 0.5 });
    this.#drop(worker, attempt);
  }

  #drop(worker: SimWorker, attempt: Attempt): void {
    worker.held = worker.held.filter((one) => one !== attempt);
    if (this.#healthy.get(attempt.job_id) === attempt.token) this.#healthy.delete(attempt.job_id);
  }

  #noneIsHealthy({ held }: SimWorker): void {
    for (const { job_id, token } of held) if (this.#healthy.get(job_id) === token) this.#healthy.delete(job_id);
  }

  #note(what: string): void {
    this.#steps.push(`${new Date(this.#monitor.at_ms).toISOString().slice(11, 19)} ${what}`);
  }

  #count(name: string): void {
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
  }
}
