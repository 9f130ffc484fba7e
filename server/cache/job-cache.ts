/**
 * Active jobs in Redis, for readers that have no monitor: `job:{job_id}` holds the document of
 * `jobs/active/{job_id}/state.json`, sooner than the view.
 *
 *     segment → noted (a set of ids) → 0.05 s later written, many in one round trip → Redis keeps the newer
 *                                      └ Redis fails: nothing is noted until it is back; then what is recent is written
 *
 * A document expires 300 s after it was written. Jobs that a worker holds are written again before that; a job that
 * waits is written when it changes and then expires, so that a queue of a million jobs costs nothing: a reader that
 * needs such a job reads it from the store and fills the cache.
 *
 * Documents are made from the fold at the moment they are written, and the script in Redis compares their `as_of_seq`.
 * So the cache may be late, and never goes back.
 */
import { CACHE_TTL_SECONDS } from '../../protocol/job-cache.ts';
import { backoff } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import { jobDocument } from '../documents/job.ts';
import type { AppliedSegment, Engine } from '../engine.ts';
import { finished } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { changesJob, heldJobs, recentJobs, replacedJobs } from './noteworthy.ts';
import { type CacheEntry, RedisConnection } from './redis-connection.ts';
import { hintFor, reasonOf } from './redis-errors.ts';
import { shownRedisUrl } from './redis-url.ts';
import type { CacheStatus } from './status.ts';

export type JobCacheOptions = {
  /** Checked: see redis-url.ts. */
  url: string;
  engine: Engine;
  clock: Clock;
  log: (level: 'info' | 'warn' | 'error', message: string) => void;
};

/**
 * Changes of one job within this time are one write. With BATCH it limits the time taken from requests: 2,000 documents
 * a second, 5 % of a core, at most 3 ms at a time.
 */
const PACE_MS = 50;
const BATCH = 100;
/** A quarter of a document's life before its end, so that a late write is still in time. */
const REFRESH_MS = CACHE_TTL_SECONDS * 1000 * 0.75;
/** An instance that has not read to the end of the journal for longer reads on before it writes. */
const UNREAD_MS = 30_000;
const READ_ON_MS = 1_000;
const STOP_MS = 1_000;
const RETRIES = { base_ms: 500, max_ms: 10_000 };

export class JobCache {
  readonly #options: JobCacheOptions;
  readonly #shown_url: string;
  /** Ids of jobs whose current state is not written. Each is in memory, or has just left it. */
  readonly #pending = new Set<string>();
  readonly #counts = { written: 0, superseded: 0, failures: 0 };
  #seen: State;
  #redis: RedisConnection | null = null;
  #problem: string | null = null;
  #failures_in_row = 0;
  #working: Promise<void> | null = null;
  /** The fold may be older than the journal, so it is not written. */
  #behind = false;
  #cancelWake: (() => void) | null = null;
  #cancelRefresh: (() => void) | null = null;
  #unsubscribe: (() => void) | null = null;
  #stopped = false;

  constructor(options: JobCacheOptions) {
    this.#options = options;
    this.#shown_url = shownRedisUrl(options.url);
    this.#seen = options.engine.state;
  }

  get status(): CacheStatus {
    return {
      up: this.#redis !== null,
      problem: this.#problem,
      pending: this.#pending.size,
      ...this.#counts,
    };
  }

  /** Starts at once and waits for nothing: Redis may be away. */
  start(): void {
    this.#unsubscribe = this.#options.engine.subscribe((segment) => this.#hear(segment));
    this.#refreshLater();
    void this.#work();
  }

  /** Resolves when all noted jobs have been written, or an attempt has failed. */
  async flush(): Promise<void> {
    do await this.#work();
    while (this.#redis && this.#pending.size > 0 && !this.#behind && !this.#stopped);
  }

  /**
   * Writes the noted jobs, if Redis takes them within a second, and ends. The rest expires or is written by the next
   * start.
   */
  async stop(): Promise<void> {
    const late = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(STOP_MS, late.resolve);
    if (this.#redis) await Promise.race([this.flush(), late.promise]);
    cancel();
    this.abandon();
  }

  /** Ends at once, as a crash would. */
  abandon(): void {
    this.#stopped = true;
    this.#unsubscribe?.();
    this.#cancelWake?.();
    this.#cancelRefresh?.();
    this.#redis?.close();
    this.#redis = null;
  }

  #hear(segment: AppliedSegment | null): void {
    const before = this.#seen;
    this.#seen = this.#options.engine.state;
    // While Redis is away this would only grow; missed changes are found when Redis is back.
    if (!this.#redis) return;
    if (segment) for (const event of segment.events) if (changesJob(event)) this.#pending.add(event.entity);
    if (!segment) this.#note([...replacedJobs(before, this.#seen), ...this.#recent()]);
    this.#workSoon();
  }

  #recent(): Iterable<string> {
    const { state, journal } = this.#options.engine;
    return recentJobs(state, journal.now());
  }

  #note(ids: Iterable<string>): void {
    for (const id of ids) this.#pending.add(id);
  }

  #refreshLater(): void {
    this.#cancelRefresh = this.#options.clock.after(REFRESH_MS, () => {
      if (this.#redis) this.#note(heldJobs(this.#options.engine.state));
      this.#workSoon();
      this.#refreshLater();
    });
  }

  /** After the pace if there is something to write, after a longer pause if Redis is away. */
  #workSoon(): void {
    if (this.#stopped || this.#working || this.#cancelWake) return;
    if (this.#redis && this.#pending.size === 0) return;
    const pause_ms = this.#behind ? READ_ON_MS : PACE_MS;
    const delay_ms = this.#redis ? pause_ms : backoff(this.#failures_in_row - 1, RETRIES);
    this.#cancelWake = this.#options.clock.after(delay_ms, () => void this.#work());
  }

  /** One round trip, or one attempt to connect. */
  #work(): Promise<void> {
    this.#cancelWake?.();
    this.#cancelWake = null;
    this.#working ??= this.#writeSome()
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#working = null;
        this.#workSoon();
      });
    return this.#working;
  }

  async #writeSome(): Promise<void> {
    if (this.#stopped) return;
    if (!this.#redis) await this.#connect();
    this.#behind = !this.#isCurrent();
    if (!this.#redis || this.#pending.size === 0 || this.#behind) return;
    const entries = this.#take().map((id) => this.#entryOf(id));
    const written = await this.#redis.write(entries);
    this.#counts.written += written;
    this.#counts.superseded += entries.length - written;
  }

  async #connect(): Promise<void> {
    const { url, clock, log } = this.#options;
    const onLost = (error: unknown) => void this.#lost(error);
    const redis = await RedisConnection.open({ url, clock, onLost });
    if (this.#stopped) return redis.close();
    this.#redis = redis;
    const returns = this.#problem === null ? 'holds the active jobs' : 'takes writes again';
    log('info', `cache: ${this.#shown_url} ${returns}`);
    this.#problem = null;
    this.#failures_in_row = 0;
    this.#note(this.#recent());
  }

  async #lost(error: unknown): Promise<void> {
    await this.#working;
    // The write under way has failed and is reported.
    if (!this.#redis) return;
    this.#failed(error);
    this.#workSoon();
  }

  /** Whether the fold may be written: after a suspend it may be older than what other instances have written since. */
  #isCurrent(): boolean {
    const { journal } = this.#options.engine;
    if (journal.unread_ms <= UNREAD_MS) return true;
    void journal.catchUp();
    return false;
  }

  /** Those noted longest ago first. */
  #take(): string[] {
    const ids = [...this.#pending.values().take(BATCH)];
    for (const id of ids) this.#pending.delete(id);
    return ids;
  }

  #entryOf(job_id: string): CacheEntry {
    const { state } = this.#options.engine;
    const job = state.job(job_id);
    if (!job || finished(job.state)) return { job_id, document: '', as_of_seq: job?.version ?? state.seq };
    return { job_id, document: JSON.stringify(jobDocument(job)), as_of_seq: job.version };
  }

  /** Reported once, until Redis is back. */
  #failed(error: unknown): void {
    if (this.#stopped) return;
    this.#redis?.close();
    this.#redis = null;
    this.#pending.clear();
    this.#counts.failures += 1;
    this.#failures_in_row += 1;
    const reason = reasonOf(error);
    const known = this.#problem !== null;
    this.#problem = `${this.#shown_url}: ${reason}`;
    if (!known) {
      const hint = hintFor(reason);
      const advice = hint === undefined ? '' : ` ${hint}`;
      this.#options.log('warn', `cache: ${this.#problem}; readers use the store until it is back.${advice}`);
    }
  }
}
