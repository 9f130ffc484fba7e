/**
 * Watchers of the feed through kills of the server and cuts of their connections, under continuous load. At the end
 * each watcher's sequence is compared with the journal: the events that it follows, from where it began, without a gap
 * and without a repeat (I11).
 */
import assert from 'node:assert/strict';
import type { FeedPosition } from '../../protocol/feed.ts';
import type { FeedEvent } from '../../protocol/feed-messages.ts';
import { ConflictError, type FollowTarget, TranscriptionAPI } from '../../sdk/typescript/index.ts';
import { waitFor } from '../../sdk/typescript/transport.ts';
import { systemClock } from '../../server/clock.ts';
import { isAfter } from '../../server/feed/position.ts';
import { updateOf } from '../../server/feed/updates.ts';
import { openStore } from '../../server/objects/open-store.ts';
import { type Cleaning, startTestMonitor } from '../processes/tmon.ts';
import { startLossyProxy } from '../servers/lossy-proxy.ts';
import { Chance } from '../simulation/chance.ts';
import { readSegments } from './read-journal.ts';

export type WatchersOptions = {
  watchers: number;
  /** Of the server; as many rounds of cuts, each of a third of the connections. */
  kills: number;
  seed: number;
  log?: (line: string) => void;
};

export type WatchersReport = {
  events: number;
  /** Events that all watchers received, in total. */
  received: number;
  cuts: number;
  /** Progress that a newer one replaced, because its watcher was behind. */
  coalesced: number;
};

/** Jobs that last from the beginning to the end, each watched alone. */
const LONG_JOBS = 20;
const TAGS = ['a', 'b', 'c', 'd'];
/** Events between one kill and the next. */
const EVENTS_BETWEEN = 60;
const BEGINNING = { seq: 1, index: -1 };

export async function runWatchers(
  t: Cleaning,
  { watchers: count, kills, seed, log = () => {} }: WatchersOptions,
): Promise<WatchersReport> {
  const chance = new Chance(seed);
  const monitor = await startTestMonitor(t, { lease_ms: 3_600_000, worker_lost_ms: 3_600_000 });
  const proxy = await startLossyProxy(monitor.url);
  t.after(() => proxy.stop());
  const load = new FeedLoad(monitor.url);
  t.after(() => load.stop());
  const long = await load.begin();
  const stop = new AbortController();
  t.after(() => stop.abort());
  const watchers = Array.from(
    { length: count },
    (_, n) => new Watcher(proxy.endpoint, { n, target: targetOf(n, long), signal: stop.signal }),
  );
  await Promise.all(watchers.map((watcher) => watcher.begun));
  log(`${count} watchers follow`);
  const reference = watchers[0]!;
  const loading = load.run(chance);
  let cuts = 0;
  for (let kill = 1; kill <= kills; kill += 1) {
    await Promise.race([reference.received_more(EVENTS_BETWEEN), load.failed]);
    await monitor.kill();
    await monitor.restart();
    await Promise.race([reference.received_more(EVENTS_BETWEEN), load.failed]);
    cuts += proxy.cut(() => chance.happens(1 / 3));
    log(`kill ${kill}: ${reference.seen.length} events so far, ${cuts} connections cut`);
  }
  load.stop();
  await loading;
  await load.finish(long);

  const store = await openStore(`dir:${monitor.directory}`, { clock: systemClock, lock: false });
  const all = await eventsOf(store);
  log(`${all.length} events in the journal; waiting for the last of the watchers`);
  let received = 0;
  let coalesced = 0;
  for (const watcher of watchers) {
    const expected = all.filter((one) => watcher.follows(one));
    await watcher.reached(expected.at(-1)?.position ?? BEGINNING);
    coalesced += assertNoGapNoRepeat(watcher, expected);
    received += watcher.seen.length;
  }
  return { events: all.length, received, cuts, coalesced };
}

type JournalUpdate = {
  position: FeedPosition;
  kind: 'job' | 'worker' | 'alert';
  id: string;
  soft: boolean;
  /** Of a job, from its submission. */
  tags: readonly string[];
  priority: string;
};

/** All events of the journal that the feed carries, in order. */
async function eventsOf(store: Parameters<typeof readSegments>[0]): Promise<JournalUpdate[]> {
  const jobs = new Map<string, { tags: readonly string[]; priority: string }>();
  const expected: JournalUpdate[] = [];
  for await (const { seq, events } of readSegments(store)) {
    for (const [index, event] of events.entries()) {
      if (event.type === 'JobSubmitted')
        jobs.set(event.entity, event.data as { tags: readonly string[]; priority: string });
      const update = updateOf(event, { seq, index });
      if (!update) continue;
      const { position, kind, id, soft } = update;
      const { tags, priority } = jobs.get(id) ?? { tags: [], priority: '' };
      expected.push({ position, kind, id, soft, tags, priority });
    }
  }
  return expected;
}

/**
 * Returns how much progress was coalesced: an update may be missing only if a newer one of the same job or worker
 * replaced it.
 */
function assertNoGapNoRepeat(watcher: Watcher, expected: readonly JournalUpdate[]): number {
  const who = `watcher ${watcher.name}`;
  assert.equal(watcher.resets, 0, `${who} got ${watcher.resets} resets`);
  let next = 0;
  const missing: JournalUpdate[] = [];
  for (const position of watcher.seen) {
    while (next < expected.length && isAfter(position, expected[next]!.position)) missing.push(expected[next++]!);
    const there = expected[next];
    assert.ok(
      there && !isAfter(there.position, position),
      `${who} got ${JSON.stringify(position)}, a repeat or a foreign one`,
    );
    next += 1;
  }
  missing.push(...expected.slice(next));
  const seen = new Set(watcher.seen.map(({ seq, index }) => `${seq}.${index}`));
  for (const { position, soft, id } of missing) {
    const newer = expected.some(
      (one) => one.soft && one.id === id && isAfter(one.position, position) && seen.has(keyOf(one.position)),
    );
    assert.ok(soft && newer, `${who} did not get ${JSON.stringify(position)}`);
  }
  return missing.length;
}

const keyOf = ({ seq, index }: FeedPosition): string => `${seq}.${index}`;

/** A tenth follows all jobs, a fifth some of them, a few the workers, and most one job each. */
function targetOf(n: number, long: readonly string[]): FollowTarget {
  switch (n % 20) {
    case 0:
    case 1:
      return { resource: 'jobs' };
    case 2:
    case 3:
      return { resource: 'jobs', filter: { tag: TAGS[Math.floor(n / 20) % TAGS.length]! } };
    case 4:
    case 5:
      return { resource: 'jobs', filter: { priority: 'high' } };
    case 6:
      return { resource: 'workers' };
    default:
      return { resource: 'job', job_id: long[n % long.length]! };
  }
}

class Watcher {
  readonly name: string;
  /** Resolves once the position is known from which it must get everything. */
  readonly begun: Promise<unknown>;
  readonly seen: FeedPosition[] = [];
  resets = 0;
  readonly #target: FollowTarget;
  #failed: { reason: unknown } | null = null;
  #from: FeedPosition = BEGINNING;
  #listeners = new Set<() => void>();

  constructor(baseUrl: string, { n, target, signal }: { n: number; target: FollowTarget; signal: AbortSignal }) {
    this.name = `${n} (${JSON.stringify(target)})`;
    this.#target = target;
    const api = new TranscriptionAPI({ baseUrl });
    // Every second watcher starts at the beginning, the others at the current state.
    const since = n % 2 === 0 ? BEGINNING : undefined;
    const begun = Promise.withResolvers<void>();
    if (since) begun.resolve();
    this.begun = begun.promise;
    this.begun.catch(() => {});
    void (async () => {
      try {
        for await (const event of api.feed.follow(target, { since, signal, attempts: Number.POSITIVE_INFINITY })) {
          this.#take(event);
          begun.resolve();
        }
      } catch (error) {
        begun.reject(error as Error);
        if (!signal.aborted) this.#fail(error);
      }
    })();
  }

  /** Whether it must get this update. */
  follows({ position, kind, id, tags, priority }: JournalUpdate): boolean {
    if (!isAfter(position, this.#from)) return false;
    const { resource, job_id, filter } = this.#target;
    if (resource === 'workers') return kind === 'worker';
    if (kind !== 'job' || (job_id !== undefined && id !== job_id)) return false;
    if (filter?.tag !== undefined && !tags.includes(filter.tag)) return false;
    return filter?.priority === undefined || filter.priority === priority;
  }

  /** Resolves once it has received so many more. */
  received_more(more: number): Promise<void> {
    const enough = this.seen.length + more;
    return this.#once(() => this.seen.length >= enough);
  }

  /** Resolves once it has received this position or a later one. */
  reached(position: FeedPosition): Promise<void> {
    return this.#once(() => {
      const last = this.seen.at(-1) ?? this.#from;
      return !isAfter(position, last);
    });
  }

  #once(is: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (this.#failed) reject(this.#failed.reason);
        else if (is()) resolve();
        else return;
        this.#listeners.delete(look);
      };
      this.#listeners.add(look);
      look();
    });
  }

  #take({ type, seq, index }: FeedEvent): void {
    if (type === 'update') this.seen.push({ seq, index });
    else if (type === 'reset') this.resets += 1;
    else this.#from = { seq, index };
    this.#look();
  }

  /** It no longer follows: pending waits are rejected. */
  #fail(error: unknown): void {
    this.#failed = { reason: new Error(`watcher ${this.name} no longer follows`, { cause: error }) };
    this.#look();
  }

  #look(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Jobs are submitted, worked on and finished, whatever happens to the server. */
class FeedLoad {
  /** Rejects if it fails by itself. */
  readonly failed: Promise<never>;
  readonly #api: TranscriptionAPI;
  readonly #stop = new AbortController();
  readonly #fail: (error: unknown) => void;
  readonly #held = new Map<string, string>();

  constructor(baseUrl: string) {
    // Every call is retried until it succeeds: waits are short, and the server is never away for long.
    this.#api = new TranscriptionAPI({ baseUrl, retries: 10_000, wait: (_, signal) => waitFor(20, signal) });
    const failed = Promise.withResolvers<never>();
    this.failed = failed.promise;
    this.failed.catch(() => {});
    this.#fail = failed.reject;
  }

  /** The long jobs, held by their own worker. */
  async begin(): Promise<string[]> {
    await this.#api.workers.register('worker-long', { capabilities: {} });
    const submitted = await this.#api.jobs.submitBatch(
      Array.from({ length: LONG_JOBS }, (_, n) => ({ audio_url: `s3://audio/long-${n}.mp3`, tags: [TAGS[n % 4]!] })),
    );
    const { jobs } = await this.#api.workers.claim('worker-long', { max_jobs: LONG_JOBS, wait_seconds: 5 });
    for (const { job, lease } of jobs) this.#held.set(job.job_id, lease.token);
    assert.equal(this.#held.size, submitted.length);
    return [...this.#held.keys()];
  }

  async run(chance: Chance): Promise<void> {
    try {
      await Promise.all([this.#submit(chance), this.#work('worker-1'), this.#work('worker-2'), this.#progress()]);
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#fail(error);
    }
  }

  stop(): void {
    this.#stop.abort();
  }

  async finish(long: readonly string[]): Promise<void> {
    for (const job_id of long) await this.#api.jobs.complete(job_id, this.#completion(this.#held.get(job_id)!));
  }

  async #submit(chance: Chance): Promise<void> {
    const { signal } = this.#stop;
    for (let n = 0; !signal.aborted; n += 1) {
      const job = await this.#api.jobs.submit({
        audio_url: `s3://audio/${n}.mp3`,
        priority: chance.pick(['low', 'normal', 'high']),
        tags: [chance.pick(TAGS)],
      });
      if (chance.happens(0.1)) await this.#api.jobs.cancel(job.id).catch(ignoreConflict);
    }
  }

  async #work(worker: string): Promise<void> {
    const { signal } = this.#stop;
    await this.#api.workers.register(worker, { capabilities: {} });
    while (!signal.aborted) {
      const { jobs } = await this.#api.workers.claim(worker, { max_jobs: 1, wait_seconds: 1 });
      for (const { job, lease } of jobs) {
        const lease_token = lease.token;
        try {
          for (const percentage of [20, 60])
            await this.#api.jobs.reportProgress(job.job_id, { lease_token, percentage });
          await this.#api.jobs.complete(job.job_id, this.#completion(lease_token));
        } catch (error) {
          ignoreConflict(error);
        }
      }
      await this.#api.workers.heartbeat(worker, { health: { cpu_usage: 50 } });
    }
  }

  async #progress(): Promise<void> {
    const { signal } = this.#stop;
    for (let percentage = 0; !signal.aborted; percentage = Math.min(99, percentage + 0.1))
      for (const [job_id, lease_token] of this.#held)
        if (!signal.aborted) await this.#api.jobs.reportProgress(job_id, { lease_token, percentage });
  }

  #completion(lease_token: string) {
    return { lease_token, output: { s3_path: 's3://transcripts/x.json', segments_count: 1 } };
  }
}

/** Cancelled meanwhile, or completed by the first of two attempts. */
function ignoreConflict(error: unknown): void {
  if (!(error instanceof ConflictError)) throw error;
}
