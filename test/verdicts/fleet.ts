/**
 * One simulated fleet whose truth is known: workers with drawn paces, jobs that arrive, faults at drawn times, restarts of
 * the monitor. Every verdict is compared with what is really so.
 *
 * Drawn for each fleet: 2 to 20 workers of one to three kinds; even or widely spread steps (log-normal, sigma 0.03 to 0.5), in
 * half of the fleets with rare long ones; chunks of 30 s or a thirtieth of the recording; downloads with a sigma of up to 0.8;
 * heartbeats every 5 or 10 s, some lost; a journal that commits at once (a directory) or every 10 s (a bucket).
 */
import type { Policies } from '../../server/policies/policies.ts';
import type { Event, PolicyEvent } from '../../server/state-machine/events.ts';
import { accuracyOf, PROMISES } from '../../server/state-machine/state/promises.ts';
import { Agenda } from './agenda.ts';
import { Chance } from './chance.ts';
import { SimMonitor } from './monitor.ts';
import { Score, type Truth } from './score.ts';

const START_MS = 1_800_000_000_000;
const MINUTE_MS = 60_000;
/** Faults begin after the fleet has learned. */
const LEARNED_MS = 40 * MINUTE_MS;
const FAULTS_UNTIL_MS = 90 * MINUTE_MS;
const END_MS = 135 * MINUTE_MS;
/** A hang is noticed by its owner, who restarts the worker, after so long. */
const OWNER_MS = 40 * MINUTE_MS;

/** Mean length of a recording, in usual ones. */
const MEAN_AUDIO = 1.15;

type Kind = { model: string; device: string; instance_type: string; pace: number; load: number };
type Traits = {
  beat_ms: number;
  lost_beats: number;
  job_sigma: number;
  step_sigma: number;
  long_steps: number;
  download: number;
  download_sigma: number;
  load_sigma: number;
  chunk_seconds: number | null;
};
type Worker = { id: string; kind: Kind; alive: boolean; claims: boolean; cut_until_ms: number; job: Attempt | null };
type Attempt = { job_id: string; token: string; audio: number; truth: Truth | null; over: boolean; longest_ms: number };
type Fault =
  | { kind: 'dead'; at: number }
  | { kind: 'hung'; phase: 'download' | 'load' | 'work' | 'finish'; at: number }
  | { kind: 'slow'; factor: number; at: number }
  | { kind: 'slow_download'; factor: number };

/** `policies`: what the monitor does about verdicts; absent: nothing. */
export type FleetPlan = { seed: number; policies?: Policies };

export function simulate({ seed, policies }: FleetPlan): Score {
  return new Fleet(seed, policies).run();
}

class Fleet {
  readonly #chance: Chance;
  readonly #agenda = new Agenda(START_MS);
  readonly #monitor: SimMonitor;
  readonly #score: Score;
  readonly #kinds: Kind[];
  readonly #traits: Traits;
  readonly #workers: Worker[] = [];
  readonly #attempts = new Map<string, Attempt>();
  readonly #size: number;
  /** Of a usual recording, in seconds: it takes two or three minutes. */
  readonly #audio: number;
  readonly #jobs = new Map<string, number>();
  #named = 0;
  #done = new Map<Kind, number>();

  constructor(seed: number, policies: Policies | null = null) {
    const chance = new Chance(seed);
    this.#chance = chance;
    this.#size = Math.round(chance.scale(2, 20));
    const pace = chance.scale(0.03, 1);
    this.#audio = 150 / pace;
    this.#kinds = Array.from({ length: Math.min(chance.whole(1, 3), this.#size) }, (_, i) => ({
      model: chance.one(['tiny', 'small', 'large-v3']),
      device: chance.one(['cpu', 'cuda']),
      instance_type: `type-${i}`,
      pace: pace * chance.scale(0.6, 1.8),
      load: chance.scale(2, 40),
    }));
    this.#traits = {
      beat_ms: chance.one([5_000, 5_000, 10_000]),
      lost_beats: chance.one([0, 0.0005, 0.002]),
      job_sigma: chance.between(0.03, 0.2),
      step_sigma: chance.scale(0.03, 0.5),
      long_steps: chance.one([0, 0.003]),
      download: chance.scale(1, 20),
      download_sigma: chance.between(0.2, 0.8),
      load_sigma: chance.between(0.05, 0.4),
      chunk_seconds: chance.one([30, 30, null]),
    };
    const linger_ms = chance.one([20, 20, 20, 10_000]);
    this.#score = new Score(seed, { size: this.#size, long_steps: this.#traits.long_steps > 0 });
    this.#monitor = new SimMonitor(this.#agenda, linger_ms, (events) => this.#onEvents(events), policies);
  }

  run(): Score {
    for (let i = 0; i < this.#size; i++) this.#arrive(this.#kinds[i % this.#kinds.length]!);
    this.#submitLater();
    this.#fleetFaults();
    this.#agenda.runUntil(START_MS + END_MS);
    this.#score.end(this.#agenda.now_ms);
    for (const kind of PROMISES) this.#score.accuracy(kind, accuracyOf(this.#monitor.state, kind));
    return this.#score;
  }

  get #elapsed_ms(): number {
    return this.#agenda.now_ms - START_MS;
  }

  // Jobs ------------------------------------------------------------------------------------------------------------

  /** As many as the fleet can take, and sometimes a crowd. */
  #submitLater(): void {
    const mean_ms = this.#meanJob() / (0.8 * this.#size);
    this.#agenda.after(this.#chance.scale(0.2, 3) * mean_ms, () => {
      const crowd = this.#chance.happens(0.01) ? this.#size * 2 : 1;
      for (let i = 0; i < crowd; i++) this.#submit();
      this.#submitLater();
    });
  }

  #meanJob(): number {
    return this.#kinds.length / this.#kinds.reduce((sum, kind) => sum + 1 / this.#jobOn(kind), 0);
  }

  #jobOn = (kind: Kind): number =>
    1000 * (MEAN_AUDIO * this.#audio * kind.pace + kind.load + this.#traits.download + 5);

  #submit(): void {
    if (!this.#monitor.up || this.#elapsed_ms > FAULTS_UNTIL_MS) return;
    this.#named += 1;
    const job_id = `job-${this.#named}`;
    const audio = this.#chance.scale(0.4, 2.5) * this.#audio;
    this.#jobs.set(job_id, audio);
    const told = this.#chance.happens(0.5) ? { duration_seconds: audio } : {};
    this.#monitor.run({ type: 'submit_jobs', jobs: [{ job_id, audio_url: 's3://bucket/a.mp3', ...told }] });
    this.#score.queued(job_id, this.#agenda.now_ms, this.#idealWait(job_id));
  }

  /** Until the jobs before this one would have begun, if all went as usual; in milliseconds. */
  #idealWait(job_id: string): number {
    const { state } = this.#monitor;
    const place = state.job(job_id)!.place;
    let before = 0;
    for (const other of state.tables.waiting.normal.keys()) before += other < place ? 1 : 0;
    const alive = this.#workers.filter((worker) => worker.alive);
    const idle = alive.filter(({ job }) => job === null).length;
    if (before < idle) return 10_000;
    const rate = alive.reduce((sum, { kind }) => sum + 1 / this.#jobOn(kind), 0);
    return rate === 0 ? Number.POSITIVE_INFINITY : (before - idle + 1) / rate;
  }

  // Workers ---------------------------------------------------------------------------------------------------------

  #arrive(kind: Kind): void {
    this.#named += 1;
    const worker: Worker = { id: `worker-${this.#named}`, kind, alive: true, claims: true, cut_until_ms: 0, job: null };
    this.#workers.push(worker);
    this.#register(worker);
    this.#beat(worker);
    this.#agenda.after(this.#chance.between(100, 5_000), () => this.#claim(worker));
  }

  #register({ id, kind: { model, device, instance_type } }: Worker): void {
    const registration = { capabilities: { model, device }, location: { instance_type } };
    if (this.#monitor.run({ type: 'register_worker', worker_id: id, registration })) return;
    this.#agenda.after(5_000, () => this.#register({ id, kind: { model, device, instance_type } } as Worker));
  }

  #beat(worker: Worker): void {
    const { beat_ms, lost_beats } = this.#traits;
    if (!worker.alive) return;
    if (this.#reachable(worker) && !this.#chance.happens(lost_beats)) {
      const leases = worker.job ? [worker.job.token] : [];
      this.#monitor.soft({ type: 'beat', worker_id: worker.id, health: { gpu_usage: 50 }, leases });
    }
    const next_ms = beat_ms * this.#chance.between(0.9, 1.02);
    this.#score.willBeat(worker.id, this.#agenda.now_ms + next_ms);
    this.#agenda.after(next_ms, () => this.#beat(worker));
  }

  #reachable = ({ cut_until_ms }: Worker): boolean => this.#agenda.now_ms >= cut_until_ms;

  #claim(worker: Worker): void {
    if (!worker.alive || worker.job !== null) return;
    const claimed = worker.claims && this.#reachable(worker) ? this.#claimed(worker) : null;
    if (claimed) this.#work(worker, claimed);
    else this.#agenda.after(this.#chance.between(1_000, 5_000), () => this.#claim(worker));
  }

  #claimed(worker: Worker): Attempt | null {
    const { events = [] } =
      this.#monitor.run({ type: 'claim_jobs', worker_id: worker.id, max_jobs: 1, secret: `s${this.#agenda.now_ms}` }) ??
      {};
    for (const event of events) {
      if (event.type !== 'JobAssigned') continue;
      const audio = this.#jobs.get(event.entity)!;
      return { job_id: event.entity, token: event.data.token!, audio, truth: null, over: false, longest_ms: 0 };
    }
    return null;
  }

  // Work ------------------------------------------------------------------------------------------------------------

  #work(worker: Worker, attempt: Attempt): void {
    const { kind } = worker;
    const [chance, traits] = [this.#chance, this.#traits];
    worker.job = attempt;
    this.#attempts.set(attempt.job_id, attempt);
    this.#score.began(attempt.job_id, this.#agenda.now_ms);
    const fault = this.#faultFor(kind);
    const step_audio = Math.min(attempt.audio, traits.chunk_seconds ?? attempt.audio / 30);
    const steps = Math.ceil(attempt.audio / step_audio);
    const pace = chance.logNormal(kind.pace, traits.job_sigma);
    const typical_ms = 1000 * step_audio * kind.pace;
    const spread = Math.hypot(traits.job_sigma, traits.step_sigma);
    const p95_ms = typical_ms * Math.exp(1.645 * spread);
    const plan: { stage: string | null; percentage: number; ms: number }[] = [];
    const download = chance.logNormal(traits.download, traits.download_sigma);
    const slow = fault?.kind === 'slow_download' ? fault.factor : 1;
    plan.push({ stage: 'transcribing', percentage: 0, ms: 1000 * download * slow });
    for (let step = 1; step <= steps; step++) {
      const audio = step < steps ? step_audio : attempt.audio - (steps - 1) * step_audio;
      const long = chance.happens(traits.long_steps) ? chance.between(2, 4) : 1;
      const throttled = fault?.kind === 'slow' && step > fault.at * steps ? fault.factor : 1;
      const load = step === 1 ? chance.logNormal(kind.load, traits.load_sigma) : 0;
      const ms = 1000 * (load + chance.logNormal(audio * pace, traits.step_sigma) * long * throttled);
      plan.push({ stage: null, percentage: Math.min(100, (100 * step * step_audio) / attempt.audio), ms });
    }
    const finish_ms = 1000 * chance.logNormal(2, 0.4);
    const total_ms = plan.reduce((sum, { ms }) => sum + ms, finish_ms);
    const hangAt = fault?.kind === 'hung' ? hangIndex(fault.phase, fault.at, steps) : null;
    if (fault?.kind === 'dead') this.#agenda.after(fault.at * total_ms, () => this.#kill(worker, attempt));
    if (fault?.kind === 'slow_download') this.#truth(attempt, 'slow', { ends_ms: this.#agenda.now_ms + plan[0]!.ms });
    if (fault?.kind === 'slow') attempt.truth = null;
    this.#report(worker, attempt, 0, 'downloading');
    let moved_ms = this.#agenda.now_ms;
    const go = (index: number): void => {
      if (attempt.over || !worker.alive || worker.job !== attempt) return;
      if (index > 0) {
        const { stage, percentage } = plan[index - 1]!;
        if (fault?.kind === 'slow_download' && index === 1) this.#score.over(attempt.truth!, this.#agenda.now_ms);
        if (fault?.kind === 'slow' && index - 1 === Math.floor(fault.at * steps)) {
          const left_ms = plan.slice(index).reduce((sum, { ms }) => sum + ms, 0);
          this.#truth(attempt, 'slow', { ends_ms: this.#agenda.now_ms + left_ms, long_ms: 1.5 * p95_ms });
        }
        attempt.longest_ms = Math.max(attempt.longest_ms, this.#agenda.now_ms - moved_ms);
        moved_ms = this.#agenda.now_ms;
        this.#report(worker, attempt, percentage, stage);
      }
      if (index === hangAt) {
        const step_ms = fault?.kind === 'hung' && fault.phase === 'work' ? p95_ms : 0;
        this.#truth(attempt, 'hung', { ends_ms: this.#agenda.now_ms + OWNER_MS, step_ms });
        this.#agenda.after(OWNER_MS, () => this.#restart(worker, attempt));
        return;
      }
      if (index < plan.length) this.#agenda.after(plan[index]!.ms, () => go(index + 1));
      else this.#agenda.after(finish_ms, () => this.#complete(worker, attempt));
    };
    go(0);
  }

  #report(worker: Worker, { job_id, token, audio }: Attempt, percentage: number, stage: string | null): void {
    if (!this.#reachable(worker)) return;
    const report = { lease_token: token, percentage, stage, duration_seconds: audio };
    this.#monitor.soft({ type: 'report_progress', job_id, report });
  }

  #complete(worker: Worker, attempt: Attempt): void {
    if (attempt.over || !worker.alive || worker.job !== attempt) return;
    const output = { s3_path: 's3://bucket/a.json', segments_count: 1 };
    const done = this.#reachable(worker)
      ? this.#monitor.run({ type: 'complete_job', job_id: attempt.job_id, lease_token: attempt.token, output })
      : null;
    if (done === null) return this.#agenda.after(2_000, () => this.#complete(worker, attempt));
    this.#done.set(worker.kind, (this.#done.get(worker.kind) ?? 0) + 1);
    this.#score.ended(attempt, this.#agenda.now_ms);
    worker.job = null;
    this.#claim(worker);
  }

  // Faults ----------------------------------------------------------------------------------------------------------

  #faultFor(kind: Kind): Fault | null {
    const chance = this.#chance;
    const elapsed_ms = this.#elapsed_ms;
    if (elapsed_ms < LEARNED_MS || elapsed_ms > FAULTS_UNTIL_MS || !chance.happens(0.12)) return null;
    const known = (this.#done.get(kind) ?? 0) >= 25;
    switch (chance.whole(0, known ? 3 : 1)) {
      case 0:
        return { kind: 'dead', at: chance.between(0.02, 0.98) };
      case 1:
        return {
          kind: 'hung',
          phase: chance.one(['download', 'load', 'work', 'work', 'work', 'finish']),
          at: chance.between(0.05, 0.9),
        };
      case 2:
        return { kind: 'slow', factor: chance.between(3, 8), at: chance.one([0, 0, chance.between(0, 0.4)]) };
      default:
        return { kind: 'slow_download', factor: chance.scale(12, 60) };
    }
  }

  #truth(
    attempt: Attempt,
    kind: Truth['kind'],
    { ends_ms, step_ms = 0, long_ms = 0 }: Pick<Truth, 'ends_ms'> & Partial<Truth>,
  ): void {
    const from_ms = this.#agenda.now_ms;
    attempt.truth = {
      kind,
      job_id: attempt.job_id,
      from_ms,
      ends_ms,
      step_ms,
      long_ms,
      found_ms: null,
      monitored: this.#monitor.expires,
    };
    this.#score.fault(attempt.truth);
  }

  #kill(worker: Worker, attempt: Attempt): void {
    if (attempt.over || worker.job !== attempt || !worker.alive) return;
    worker.alive = false;
    this.#truth(attempt, 'dead', { ends_ms: this.#agenda.now_ms + 75_000 });
    attempt.truth!.missed_ms = this.#score.nextBeat(worker.id);
    this.#agenda.after(this.#chance.between(60_000, 240_000), () => this.#arrive(worker.kind));
  }

  #restart(worker: Worker, attempt: Attempt): void {
    if (attempt.over) return;
    worker.alive = false;
    worker.job = null;
    this.#monitor.run({ type: 'terminate_worker', worker_id: worker.id, reason: 'restarted by its owner' });
    this.#arrive(worker.kind);
  }

  #fleetFaults(): void {
    const chance = this.#chance;
    const at = () => chance.between(LEARNED_MS, FAULTS_UNTIL_MS);
    // The monitor is restarted, for seconds or minutes.
    for (let i = chance.whole(0, 2); i > 0; i--) {
      this.#agenda.after(chance.between(10 * MINUTE_MS, FAULTS_UNTIL_MS), () => {
        if (!this.#monitor.up) return;
        this.#monitor.stop();
        this.#score.notMonitored(this.#agenda.now_ms);
        this.#agenda.after(chance.scale(3_000, 600_000), () => this.#monitor.start());
      });
    }
    // The network of a worker is cut for a moment, which is no fault of its job.
    for (let i = chance.whole(0, 6); i > 0; i--) {
      this.#agenda.after(chance.between(0, FAULTS_UNTIL_MS), () => {
        const worker = chance.one(this.#workers);
        worker.cut_until_ms = this.#agenda.now_ms + chance.between(500, 4_000);
      });
    }
    // Nobody claims any more, or everybody leaves.
    const what = chance.whole(0, 3);
    if (what === 0) this.#agenda.after(at(), () => this.#nobodyClaims(chance.scale(5, 25) * MINUTE_MS));
    if (what === 1) this.#agenda.after(at(), () => this.#everybodyLeaves(chance.scale(2, 15) * MINUTE_MS));
  }

  #nobodyClaims(for_ms: number): void {
    for (const worker of this.#workers) worker.claims = false;
    this.#agenda.after(for_ms, () => {
      for (const worker of this.#workers) worker.claims = true;
    });
  }

  #everybodyLeaves(for_ms: number): void {
    if (!this.#monitor.up) return;
    const gone = this.#workers.filter(({ alive }) => alive);
    for (const worker of gone) {
      worker.alive = false;
      if (worker.job) worker.job.over = true;
      this.#monitor.run({ type: 'terminate_worker', worker_id: worker.id, reason: 'scaled in' });
    }
    this.#score.nobody(this.#agenda.now_ms);
    this.#agenda.after(for_ms, () => {
      this.#score.somebody(this.#agenda.now_ms);
      for (const { kind } of gone) this.#arrive(kind);
    });
  }

  // What the monitor says -------------------------------------------------------------------------------------------

  #onEvents(events: readonly Event[]): void {
    for (const event of events) {
      if (event.type === 'JobJudged') {
        const attempt = this.#attempts.get(event.entity);
        const able = this.#workers.some(({ alive }) => alive);
        this.#score.judged(event, attempt?.over === false ? attempt.truth : null, this.#agenda.now_ms, able);
      } else if (event.type === 'JobAttemptFailed') {
        const attempt = this.#attempts.get(event.entity);
        if (!attempt) continue;
        const worker = this.#workers.find(({ job }) => job === attempt);
        const healthy = worker?.alive === true && attempt.truth === null;
        this.#score.requeued(attempt, healthy && event.data.error.code !== 'worker_terminated', this.#agenda.now_ms);
        attempt.over = true;
        if (worker) worker.job = null;
        if (worker?.alive) this.#agenda.after(1_000, () => this.#claim(worker));
      } else if (event.type === 'ActionDecided') this.#onDecision(event);
      else if (event.type === 'WorkerRestarting') {
        const worker = this.#workers.find(({ id, alive }) => id === event.entity && alive);
        if (worker) this.#agenda.after(5_000, () => this.#register(worker));
      } else if (event.type === 'JobQueued')
        this.#score.queued(event.entity, this.#agenda.now_ms, this.#idealWait(event.entity));
    }
  }

  /** An engine that is to be killed has ended with the next heartbeat. */
  #onDecision({ entity, data }: PolicyEvent & { type: 'ActionDecided' }): void {
    if (data.outcome !== 'acted') return;
    const attempt = this.#attempts.get(entity);
    const worker = this.#workers.find(({ job, alive }) => alive && job !== null && job === attempt);
    this.#score.acted(data, worker ? attempt! : null);
    if (data.action !== 'kill_engine' || !worker || !attempt) return;
    this.#agenda.after(this.#traits.beat_ms, () => {
      if (attempt.over) return;
      const error = { code: 'engine_stalled', message: 'killed', retryable: true };
      const { job_id, token: lease_token } = attempt;
      this.#monitor.run({ type: 'fail_job', job_id, lease_token, error, batch_size: null, jitter: 0.5 });
    });
  }
}

/** After how many reports it stops: before the end of the download, of the load, of the n-th step, or after all. */
function hangIndex(phase: 'download' | 'load' | 'work' | 'finish', at: number, steps: number): number {
  if (phase === 'download') return 0;
  if (phase === 'load') return 1;
  return phase === 'finish' ? steps + 1 : 2 + Math.floor(at * (steps - 1));
}
