/**
 * Following a source: read it, put what is new into the journal, wait, read on. A source that fails is closed, told of once,
 * and tried again at growing intervals; whatever it does, the monitor goes on.
 *
 * The position is kept in memory alone. After a restart the source is read again from `since_ms` ago, which doubles nothing.
 */
import type { FollowedSource } from '../../protocol/source.ts';
import { formatTime } from '../../protocol/time.ts';
import { portionsOf } from '../../sources/portions.ts';
import { type Source, SourceError, type Unreadable } from '../../sources/source.ts';
import { backoff } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import { Duty } from '../maintenance/duty.ts';
import { FileRecall } from './file-recall.ts';
import { LastTold } from './last-told.ts';
import { type Observing, observe } from './observe.ts';

export type FollowingOptions = {
  /** As it was given; it may hold what is secret, and is never shown. */
  url: string;
  open: (url: string) => Promise<Source>;
  observing: Observing;
  clock: Clock;
  poll_ms: number;
  /** How far back a first reading goes. */
  since_ms: number;
  log: (level: 'info' | 'warn', message: string) => void;
};

const FAILURE_MAX_MS = 60_000;
/** One command's, well within a segment. */
const PORTION = 500;
const EXAMPLES = 10;
const UNREADABLE_MAX = 10_000;

export class Following {
  readonly #options: FollowingOptions;
  readonly #duty: Duty;
  readonly #stopping = new AbortController();
  readonly #recall = new FileRecall();
  readonly #told = new LastTold();
  readonly #unreadable = new Map<string, string>();
  #source: Source | null = null;
  #name: string;
  #position: string | null = null;
  #failures = 0;
  #problem: FollowedSource['problem'] = null;
  #last_read_ms: number | null = null;
  #taken = 0;
  #refused = new Set<string>();
  #looked_at = 0;

  constructor(options: FollowingOptions) {
    this.#options = options;
    this.#name = withoutSecrets(options.url);
    const { clock, log, poll_ms } = options;
    this.#duty = new Duty({ name: this.#name, clock, failure_ms: poll_ms, log, run: () => this.#turn() });
  }

  start(): void {
    this.#duty.start();
  }

  /** Lets the commit that is under way end. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#duty.stop();
    await this.#close();
  }

  get status(): FollowedSource {
    return {
      name: this.#name,
      state: this.#problem ? 'FAILING' : this.#last_read_ms === null ? 'STARTING' : 'FOLLOWING',
      last_read_at: this.#last_read_ms === null ? null : formatTime(this.#last_read_ms),
      jobs_taken: this.#taken,
      jobs_refused: this.#refused.size,
      looked_at: this.#looked_at,
      unreadable_count: this.#unreadable.size,
      unreadable: [...this.#unreadable].slice(0, EXAMPLES).map(([where, why]) => ({ where, why })),
      problem: this.#problem,
    };
  }

  /** Never fails: what goes wrong is told here. */
  async #turn(): Promise<{ again_ms: number }> {
    const { poll_ms, clock, log } = this.#options;
    try {
      await this.#read();
      if (this.#problem) log('info', `${this.#name}: is read again`);
      this.#problem = null;
      this.#failures = 0;
      this.#last_read_ms = clock.now();
      return { again_ms: poll_ms };
    } catch (error) {
      await this.#close();
      if (this.#stopping.signal.aborted) return { again_ms: 0 };
      const { message } = error as Error;
      const hint = error instanceof SourceError ? (error.hint ?? null) : null;
      if (this.#problem?.message !== message) log('warn', `source ${this.#name}: ${message}${hint ? `. ${hint}` : ''}`);
      this.#problem = { message, hint };
      this.#failures += 1;
      return { again_ms: backoff(this.#failures, { base_ms: poll_ms, max_ms: FAILURE_MAX_MS }) };
    }
  }

  async #read(): Promise<void> {
    const { url, open, observing, clock, since_ms } = this.#options;
    const { signal } = this.#stopping;
    this.#source ??= await open(url);
    this.#name = this.#source.name;
    const readings = this.#source.read({
      since_ms: clock.now() - since_ms,
      from: this.#position,
      recall: this.#recall,
      signal,
    });
    for await (const reading of readings) {
      this.#looked_at += reading.looked_at;
      for (const one of reading.unreadable) this.#note(one);
      const fresh = reading.sightings.filter((told) => this.#told.isNew(told));
      for (const portion of portionsOf(fresh, PORTION)) {
        const { taken, refused } = await observe(observing, this.#name, portion);
        this.#taken += taken;
        for (const told of portion) this.#told.keep(told);
        for (const { job_id } of refused) if (this.#refused.size < UNREADABLE_MAX) this.#refused.add(job_id);
      }
      // Only now: what a queue gives up, and what is not read again, is in the journal.
      await reading.done();
      // A notice (a file has gone) has none.
      if (reading.position !== null) this.#position = reading.position;
      if (signal.aborted) return;
    }
  }

  #note({ where, why }: Unreadable): void {
    if (this.#unreadable.size < UNREADABLE_MAX) this.#unreadable.set(where, why);
  }

  async #close(): Promise<void> {
    const source = this.#source;
    this.#source = null;
    await source?.close().catch(() => undefined);
  }
}

/** Until the source has said its name. */
function withoutSecrets(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//').replace(/[?#].*$/, '');
}
