/**
 * Counts the puts of a monitor on a bucket while a fleet works, with a clock that the test advances: the cost of a job,
 * a progress report and an idle hour. The monitor is the real one, called over HTTP; only its store is in memory.
 */
import { HOUR_MS, SECOND_MS } from '../../protocol/time.ts';
import { MemoryStore } from '../../server/objects/memory.ts';
import type { PutIfAbsentResult } from '../../server/objects/store.ts';
import { TurnedClock } from '../../server/testing-clock.ts';
import type { Cleaning } from '../processes/tmon.ts';
import { type Monitor, openMonitor } from '../servers/monitor.ts';

export type FleetWork = {
  workers: number;
  job_seconds: number;
  /** How often each worker reports progress; null: never. */
  report_seconds: number | null;
};

export type FleetPuts = { jobs: number; reports: number; puts: number; puts_by_folder: Record<string, number> };

/** Like the agent. */
const BEAT_SECONDS = 10;

/** Shared like a bucket; counts puts by the first part of their key. */
class CountingBucket extends MemoryStore {
  override readonly shared = true;
  #puts = new Map<string, number>();

  override putIfAbsent(key: string, bytes: Uint8Array): Promise<PutIfAbsentResult> {
    this.#count(key);
    return super.putIfAbsent(key, bytes);
  }

  override put(key: string, bytes: Uint8Array): Promise<void> {
    this.#count(key);
    return super.put(key, bytes);
  }

  take(): Record<string, number> {
    const puts = Object.fromEntries([...this.#puts].sort());
    this.#puts = new Map();
    return puts;
  }

  #count(key: string): void {
    const folder = key.slice(0, key.indexOf('/'));
    this.#puts.set(folder, (this.#puts.get(folder) ?? 0) + 1);
  }
}

type Bucket = { clock: TurnedClock; store: CountingBucket; monitor: Monitor };

async function open(t: Cleaning): Promise<Bucket> {
  const clock = new TurnedClock('2026-01-01T00:00:00Z');
  const store = new CountingBucket(clock);
  return { clock, store, monitor: await openMonitor(t, { clock, objects: store }) };
}

/** Counts `seconds` of work of a busy fleet, after a first job of each worker, which isn't counted. */
export async function countBusyFleet(t: Cleaning, work: FleetWork & { seconds: number }): Promise<FleetPuts> {
  const bucket = await open(t);
  const fleet = new Fleet(bucket.monitor, work);
  await fleet.register();
  await fleet.work(bucket.clock, 2 * work.job_seconds);
  bucket.store.take();
  fleet.take();
  await fleet.work(bucket.clock, work.seconds);
  return { ...fleet.take(), ...countsOf(bucket.store.take()) };
}

/** An idle hour, after work whose workers have gone. */
export async function countIdleHour(t: Cleaning): Promise<number> {
  const { clock, store, monitor } = await open(t);
  const fleet = new Fleet(monitor, { workers: 2, job_seconds: 10, report_seconds: 5 });
  await fleet.register();
  await fleet.work(clock, 60);
  await fleet.leave();
  await clock.turn(2 * HOUR_MS);
  store.take();
  await clock.turn(HOUR_MS);
  return countsOf(store.take()).puts;
}

function countsOf(puts_by_folder: Record<string, number>): Pick<FleetPuts, 'puts' | 'puts_by_folder'> {
  return { puts: Object.values(puts_by_folder).reduce((sum, puts) => sum + puts, 0), puts_by_folder };
}

/** Workers that always have a job: each submits its next one when it has finished the last. */
class Fleet {
  readonly #monitor: Monitor;
  readonly #work: FleetWork;
  readonly #held: ({ job_id: string; token: string; began: number } | null)[];
  #second = 0;
  #jobs = 0;
  #reports = 0;

  constructor(monitor: Monitor, work: FleetWork) {
    this.#monitor = monitor;
    this.#work = work;
    this.#held = Array.from({ length: work.workers }, () => null);
  }

  async register(): Promise<void> {
    for (const n of this.#held.keys()) await this.#call('PUT', `/workers/worker-${n}`, { capabilities: {} });
  }

  async leave(): Promise<void> {
    for (const n of this.#held.keys()) await this.#call('DELETE', `/workers/worker-${n}`);
  }

  /** Jobs that ended and reports since the last call. */
  take(): Pick<FleetPuts, 'jobs' | 'reports'> {
    const taken = { jobs: this.#jobs, reports: this.#reports };
    this.#jobs = 0;
    this.#reports = 0;
    return taken;
  }

  async work(clock: TurnedClock, seconds: number): Promise<void> {
    for (let until = this.#second + seconds; this.#second < until; this.#second += 1) {
      for (const n of this.#held.keys()) await this.#act(n);
      await clock.turn(SECOND_MS);
    }
  }

  /** The actions of worker `n` in this second. Workers are out of step with one another. */
  async #act(n: number): Promise<void> {
    const { job_seconds, report_seconds } = this.#work;
    const held = this.#held[n];
    if ((this.#second + n) % BEAT_SECONDS === 0) {
      await this.#call('POST', `/workers/worker-${n}/heartbeat`, { health: {}, leases: held ? [held.token] : [] });
    }
    if (held === null || held === undefined) {
      const spread = Math.floor((n * job_seconds) / this.#work.workers);
      if (this.#second >= spread) await this.#begin(n);
      return;
    }
    const age = this.#second - held.began;
    if (age >= job_seconds) {
      const output = { s3_path: `s3://bucket/${held.job_id}.json`, segments_count: 10, confidence_score: 0.9 };
      await this.#call('POST', `/jobs/${held.job_id}/complete`, { lease_token: held.token, output });
      this.#jobs += 1;
      await this.#begin(n);
    } else if (report_seconds !== null && age > 0 && age % report_seconds === 0) {
      const report = { lease_token: held.token, percentage: (100 * age) / job_seconds, stage: 'TRANSCRIBING' };
      await this.#call('PUT', `/jobs/${held.job_id}/progress`, report);
      this.#reports += 1;
    }
  }

  async #begin(n: number): Promise<void> {
    await this.#call('POST', '/jobs', { audio_url: 's3://bucket/audio.wav', duration_seconds: 600 });
    const { jobs } = await this.#call('POST', `/workers/worker-${n}/claim`, { max_jobs: 1, wait_seconds: 0 });
    const [{ job, lease }] = jobs;
    this.#held[n] = { job_id: job.job_id, token: lease.token, began: this.#second };
  }

  async #call(method: string, path: string, body?: unknown) {
    const response = await this.#monitor.call(method, `/api/v1${path}`, { body });
    if (response.status >= 300) throw new Error(`${method} ${path} returned ${response.status}: ${response.text}`);
    return response.body;
  }
}
