/**
 * One history of the queue: one or two monitors with models of the log and the queue, workers that report, fail, hand
 * back and die, and messages of other systems; then quiet, in which every job must end and every message disappear.
 * From one seed.
 */
import { CarriedQueue } from '../../../server/queues/carried-queue.ts';
import { Intake } from '../../../server/queues/ingest/intake.ts';
import type { CommandBody, Outcome } from '../../../server/state-machine/decide/commands.ts';
import { messageOf } from '../../../server/state-machine/decide/messages.ts';
import { nextDue } from '../../../server/state-machine/decide/time.ts';
import { suspended } from '../../../server/state-machine/state/able.ts';
import { finished } from '../../../server/state-machine/state/records.ts';
import type { State } from '../../../server/state-machine/state/state.ts';
import { forgetJobs, POLICY } from '../../../server/state-machine/testing.ts';
import { Chance } from '../chance.ts';
import { auditClaim } from '../claim-audit.ts';
import { type Process, type Violation, World } from '../world.ts';
import { ModelEngine, ModelLog } from './model-log.ts';
import { ModelSqs, QUIET, type QueueFaults } from './model-sqs.ts';

export type QueueResult = {
  seed: number;
  violation: Violation | null;
  steps: string[];
  trace: string;
  counts: Record<string, number>;
};

type Instance = { name: string; process: Process; engine: ModelEngine; queue: CarriedQueue };

const STEPS = 50;
const QUIET_MS = 3 * 3_600_000;
/** Longer than SQS hides a message. */
const LONG_MS = 14 * 3_600_000;
const SUSPENDED_MAX_MS = 200_000;
const LATE_MS = 60_000;
const IDLE_BEAT_MS = 60_000;

export async function runQueueHistory(seed: number): Promise<QueueResult> {
  const history = new QueueHistory(seed);
  await history.run();
  return history.result();
}

class QueueHistory {
  readonly #seed: number;
  readonly #chance: Chance;
  readonly #world = new World();
  readonly #log: ModelLog;
  readonly #sqs: ModelSqs;
  readonly #instances: Instance[] = [];
  readonly #names: readonly string[];
  /** Message of others → the id of its job. */
  readonly #foreign = new Map<string, string>();
  readonly #submitted = new Map<string, number>();
  readonly #forgotten = new Set<string>();
  readonly #leases = new Set<string>();
  readonly #counts: Record<string, number> = {};
  #faults: QueueFaults = QUIET;
  #ids = 0;
  #steps = STEPS;
  #quiet = false;
  /** A worker needs longer than SQS hides a message. */
  readonly #long: boolean;

  constructor(seed: number) {
    this.#seed = seed;
    const chance = new Chance(seed);
    this.#chance = chance;
    this.#long = chance.happens(0.02);
    const lease_ms = this.#long ? 600_000 : chance.pick([10_000, 60_000]);
    this.#log = new ModelLog(this.#world, {
      ...POLICY,
      lease_ms,
      retry_base_ms: 1_000,
      retry_max_ms: 10_000,
      worker_degraded_ms: lease_ms,
      worker_lost_ms: 2 * lease_ms,
    });
    this.#log.observe = ({ events, at_ms }, before) => this.#audit(events, before, at_ms);
    this.#sqs = new ModelSqs(this.#world, chance, chance.happens(0.3));
    this.#sqs.deleted = (message) => this.#auditDelete(message);
    this.#names = chance.happens(0.6) ? ['a', 'b'] : ['a'];
    const rate = () => chance.pick([0, 0, 0.02, 0.1]);
    this.#faults = {
      lost_request: rate(),
      lost_response: rate(),
      delivered_twice: rate(),
      overlooked: rate(),
      vanishes: chance.pick([0, 0, 0, 0.05]),
    };
  }

  async run(): Promise<void> {
    this.#sqs.faults = this.#faults;
    this.#log.unknown = this.#chance.pick([0, 0.02, 0.1]);
    for (const name of this.#names) this.#start(name);
    for (let n = 1; n <= this.#chance.whole(1, 4); n += 1) this.#work(`worker-${n}`);
    if (this.#long) this.#work('worker-long', LONG_MS);
    this.#world.after(500, null, () => this.#step());
    await this.#world.run(() => this.#steps <= 0);
    this.#quieten();
    // Pending requests and tasks of a suspended process come first.
    const settled_ms = this.#world.now_ms + SUSPENDED_MAX_MS + LATE_MS;
    await this.#world.run(() => this.#world.now_ms > settled_ms);
    const end_ms = this.#world.now_ms + QUIET_MS + (this.#long ? LONG_MS : 0);
    await this.#world.run(() => this.#isDone() || this.#world.now_ms > end_ms);
    // Messages that only their next receive deletes are deleted by then.
    const late_ms = this.#world.now_ms + LATE_MS;
    await this.#world.run(() => this.#world.now_ms > late_ms);
    this.#auditEnd();
  }

  result(): QueueResult {
    const { violation } = this.#world;
    return {
      seed: this.#seed,
      violation,
      steps: violation ? this.#world.lastSteps : [],
      trace: this.#world.traceHash(),
      counts: {
        ...this.#counts,
        ...this.#sqs.counts,
        segments: this.#log.end.seq,
        events: this.#world.events,
        jobs: this.#submitted.size,
      },
    };
  }

  #start(name: string): void {
    const world = this.#world;
    const process: Process = { name, alive: true, paused_until_ms: 0 };
    const engine = new ModelEngine(this.#log, process, this.#chance);
    const clock = {
      now: () => world.now_ms,
      monotonic: () => world.now_ms,
      after: (delay_ms: number, run: () => void) => world.after(delay_ms, process, run),
    };
    const port = this.#sqs.port(process);
    const intake = new Intake({
      engine,
      log: () => {},
      url: port.url,
      understand: ({ message_id, body }) => ({
        jobs: [{ job_id: jobOf(message_id), audio_url: JSON.parse(body).audio_url }],
      }),
      archived: async (job_id) => this.#forgotten.has(job_id),
      check: async () => new Map(),
    });
    const queue = new CarriedQueue({
      port,
      engine,
      clock,
      log: (_, message) => world.note(`${name}: ${message}`),
      intake,
    });
    this.#instances.push({ name, process, engine, queue });
    queue.start();
    this.#tick({ name, process, engine, queue });
  }

  #tick(instance: Instance): void {
    const { process, engine } = instance;
    const wait_ms = (nextDue(engine.state) ?? Number.POSITIVE_INFINITY) - this.#world.now_ms;
    this.#world.after(Math.min(20_000, Math.max(wait_ms, this.#chance.between(500, 1_500))), process, () => {
      const due_ms = nextDue(engine.state);
      const ids = [1, 2, 3, 4].map(() => this.#id('alert'));
      if (due_ms !== null && due_ms <= this.#world.now_ms)
        void this.#ask({ type: 'tick', ids, expire: true }, instance);
      this.#tick(instance);
    });
  }

  #step(): void {
    if (this.#steps-- <= 0) return;
    this.#do();
    this.#world.after(this.#chance.between(10, this.#chance.pick([500, 5_000, 60_000])), null, () => this.#step());
  }

  #do(): void {
    const chance = this.#chance;
    const { jobs } = this.#log.end.tables;
    const any = () => chance.pick([...jobs.clone().values()]).job_id;
    const deed = chance.weighted({
      submit: 10,
      foreign: 4,
      cancel: jobs.size > 0 ? 2 : 0,
      retry: jobs.size > 0 ? 2 : 0,
      purge: 0.3,
      redrive: 1,
      forget: 1,
      kill: 3,
      pause: 2,
      outage: 1,
    });
    this.#world.note(deed);
    this.#count(deed);
    switch (deed) {
      case 'submit':
        return void this.#ask({
          type: 'submit_jobs',
          jobs: Array.from({ length: chance.whole(1, 4) }, () => ({
            job_id: this.#id('job'),
            audio_url: 's3://audio/a.mp3',
            max_attempts: chance.whole(1, 3),
          })),
        });
      case 'foreign':
        return this.#putForeign();
      case 'cancel':
        return void this.#ask({ type: 'cancel_job', job_id: any() });
      case 'retry':
        return void this.#ask({ type: 'retry_job', job_id: any() });
      case 'purge':
        return void this.#ask({ type: 'purge_queue', queue: 'main', filter: {} });
      case 'redrive':
        return void this.#ask({ type: 'redrive', filter: {} });
      case 'forget':
        return this.#forget();
      case 'kill':
        return this.#kill();
      case 'pause':
        for (const { process } of this.#instances.slice(0, 1)) {
          process.paused_until_ms = this.#world.now_ms + chance.between(1_000, SUSPENDED_MAX_MS);
        }
        return;
      case 'outage':
        this.#sqs.down_until_ms = this.#world.now_ms + chance.between(1_000, 200_000);
    }
  }

  #putForeign(): void {
    const id = this.#id('f');
    const body = JSON.stringify({ audio_url: `s3://uploads/${id}.mp3` });
    const message_id = this.#sqs.send({ body, attributes: {}, group: id, deduplication: id, delay_seconds: 0 }, false);
    this.#foreign.set(message_id, jobOf(message_id));
  }

  #forget(): void {
    const { end } = this.#log;
    const done = [...end.tables.finished.values()].map((job_id) => end.job(job_id)!);
    if (done.length === 0) return;
    this.#log.commit({ id: `~${this.#id('c')}`, fingerprint: '', actor: 'sim', body: forgetJobs(done, end.at_ms) });
  }

  #kill(): void {
    const at = this.#chance.whole(0, this.#instances.length - 1);
    const [instance] = this.#instances.splice(at, 1);
    if (!instance) return;
    instance.process.alive = false;
    const again_ms = this.#chance.between(100, this.#chance.pick([2_000, 200_000]));
    this.#world.after(again_ms, null, () => this.#start(instance.name));
  }

  /** Sends a request to any of the instances, or to the given one; undefined if there is none, or it fails. */
  #ask(body: CommandBody, at?: Instance): Promise<Outcome | undefined> {
    const instance = at ?? (this.#instances.length > 0 ? this.#chance.pick(this.#instances) : undefined);
    if (!instance) return Promise.resolve(undefined);
    return instance.engine.submit({ id: this.#id('c'), fingerprint: '', actor: 'sim', body }).catch(() => undefined);
  }

  /** A worker that claims, works and reports, until it dies; one that is broken fails every job until it is quiet. */
  #work(worker_id: string, takes_ms = 0): void {
    const world = this.#world;
    const broken = takes_ms === 0 && this.#chance.happens(0.25);
    this.#log.commit({
      id: this.#id('c'),
      fingerprint: '',
      actor: 'sim',
      body: { type: 'register_worker', worker_id, registration: { capabilities: {} } },
    });
    const life = { holds: new Map<string, string>(), dead: false };
    let cancel = () => {};
    const beat = () => {
      cancel();
      if (life.dead) return;
      // The heartbeat is lost if the process does not respond, like the worker's after some retries.
      void this.#ask({ type: 'beat', worker_id, health: null, leases: [...life.holds.values()] });
      cancel = world.after(life.holds.size > 0 ? this.#log.policy.lease_ms / 3 : IDLE_BEAT_MS, null, beat);
    };
    const claim = () => {
      const [instance] = this.#instances.length > 0 ? [this.#chance.pick(this.#instances)] : [];
      // While a long job runs, the idle workers need not poll quickly.
      const idle = this.#quiet && this.#long;
      const wait_ms = idle ? 20_000 : this.#chance.pick([0, 2_000, 20_000]);
      let settled = false;
      const next = (refs: Outcome['refs']) => {
        if (settled) return;
        settled = true;
        this.#started(worker_id, refs, life, takes_ms);
        if (refs.length > 0) beat();
        world.after(this.#chance.between(10, idle ? 60_000 : 3_000), null, life.holds.size > 0 ? finish : claim);
      };
      world.after(wait_ms + 5_000, null, () => next([]));
      instance?.queue.next({ ...this.#claimOf(worker_id, instance), wait_ms, signal: null }).then(next, () => next([]));
    };
    const finish = () => {
      const work_ms = takes_ms > 0 ? takes_ms : this.#chance.between(100, 40_000);
      if (takes_ms === 0 && !this.#quiet && this.#chance.happens(0.1)) {
        // It dies with its jobs, and another one starts.
        life.dead = true;
        return world.after(this.#chance.between(1_000, 60_000), null, () => this.#work(this.#id('worker')));
      }
      world.after(work_ms, null, () => {
        for (const [job_id, lease_token] of life.holds) this.#report(job_id, lease_token, broken);
        life.holds.clear();
        world.after(100, null, claim);
      });
      return undefined;
    };
    claim();
  }

  #claimOf(worker_id: string, { engine }: Instance) {
    const max_jobs = this.#chance.whole(1, 3);
    const id = this.#id('c');
    const body = { type: 'claim_jobs' as const, worker_id, max_jobs, secret: this.#id('s') };
    return {
      worker_id,
      max_jobs,
      claim: (messages?: Parameters<Parameters<CarriedQueue['next']>[0]['claim']>[0]) =>
        engine.submit({ id, fingerprint: '', actor: 'sim', body: { ...body, messages } }),
    };
  }

  #started(worker_id: string, refs: Outcome['refs'], life: { holds: Map<string, string> }, takes_ms: number): void {
    for (const [type, job_id, token] of refs) {
      if (type !== 'JobAssigned' || token === undefined) continue;
      if (this.#leases.has(token)) this.#world.violate('one holder', `${token} was handed out twice`);
      this.#leases.add(token);
      life.holds.set(job_id, token);
      this.#world.note(`${worker_id} holds ${job_id}${takes_ms > 0 ? ' for long' : ''}`);
    }
  }

  /** Repeats the report, as a worker does, until it gets a response. */
  #report(job_id: string, lease_token: string, broken: boolean): void {
    const chance = this.#chance;
    const how = this.#quiet ? 'complete' : broken ? 'broken' : chance.weighted({ complete: 6, fail: 2, hand_back: 2 });
    const output = { s3_path: 's3://t/x.json', segments_count: 1 };
    const code = { hand_back: 'worker_drained', broken: 'gpu_unavailable', fail: 'worker_error', complete: '' }[how];
    const error = { code, message: 'x', retryable: true };
    const body: CommandBody =
      how === 'complete'
        ? { type: 'complete_job', job_id, lease_token, output }
        : { type: 'fail_job', job_id, lease_token, error, batch_size: null, jitter: 0.5 };
    void this.#ask(body);
  }

  #quieten(): void {
    this.#world.note('quiet');
    this.#quiet = true;
    this.#sqs.faults = QUIET;
    this.#sqs.down_until_ms = 0;
    this.#log.unknown = 0;
    for (const { process } of this.#instances)
      process.paused_until_ms = Math.min(process.paused_until_ms, this.#world.now_ms);
    for (let n = 1; n <= 3; n += 1) this.#work(`last-${n}`);
  }

  #isDone(): boolean {
    const { jobs_by_state } = this.#log.end.tables;
    const { SUBMITTED, QUEUED, PROCESSING, CANCELLING } = jobs_by_state;
    return SUBMITTED.size + QUEUED.size + PROCESSING.size + CANCELLING.size === 0 && this.#sqs.messages.size === 0;
  }

  #audit(events: readonly { type: string; entity: string; data?: unknown }[], before: State, at_ms: number): void {
    const assigned = new Set<string>();
    for (const { type, entity, data } of events) {
      if (type === 'JobMessaged' && before.job(entity)?.state === 'PROCESSING') this.#count('handed_over');
      if (type === 'JobSubmitted') this.#submitted.set(entity, (this.#submitted.get(entity) ?? 0) + 1);
      if (type === 'JobsArchived') for (const id of (data as { job_ids: string[] }).job_ids) this.#forgotten.add(id);
      if (type !== 'JobAssigned') continue;
      const job = before.job(entity);
      if (assigned.has(entity) || job?.state !== 'QUEUED' || job.not_before_ms !== null) {
        this.#world.violate('one holder', `${entity} is handed out while it is ${job?.state}`);
      }
      assigned.add(entity);
      const { worker_id } = data as { worker_id: string };
      const { elsewhere_ms } = this.#log.policy;
      if (job) auditClaim(this.#world, before, { job, worker_id, at_ms, elsewhere_ms });
      const worker = before.worker(worker_id);
      if (worker && suspended(worker) && assigned.size > 1) {
        this.#world.violate('trial', `${worker_id} is suspended, and was handed ${assigned.size} jobs at once`);
      }
    }
  }

  /**
   * While several instances have a receipt of one message, one of them may delete a message that the other has just
   * claimed: it is sent again.
   */
  #auditDelete({ id, body }: { id: string; body: string }): void {
    if (this.#faults.delivered_twice > 0 || this.#counts.pause) return;
    const job = this.#log.end.job(JSON.parse(body).job_id);
    if (!job || finished(job.state) || messageOf(job) !== id) return;
    this.#world.violate('a message that is needed stays', `${id} of ${job.job_id}, which is ${job.state}, was deleted`);
  }

  #auditEnd(): void {
    if (this.#world.violation) return;
    const { end } = this.#log;
    for (const job of end.tables.jobs.values()) {
      if (finished(job.state)) continue;
      this.#world.violate(
        'every job ends',
        `${job.job_id} is ${job.state}, its message is ${JSON.stringify(job.message)}`,
      );
    }
    for (const { id, body } of this.#sqs.messages.values()) {
      this.#world.violate('messages of ended jobs disappear', `${id} is still there: ${body}`);
    }
    for (const [message_id, job_id] of this.#foreign) {
      const count = this.#submitted.get(job_id) ?? 0;
      if (count !== 1) this.#world.violate('one job a message', `${message_id} became ${count} jobs`);
    }
  }

  #count(what: string): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1;
  }

  #id(kind: string): string {
    this.#ids += 1;
    return `${kind}-${this.#ids}`;
  }
}

const jobOf = (message_id: string): string => `job-of-${message_id}`;
