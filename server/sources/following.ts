/**
 * Follows a source: reads it, writes what is new to the journal, waits, and reads on. A source that fails is closed,
 * logged once, and retried with backoff; it never stops the monitor.
 *
 * The position in a log survives a restart: see positions.ts. Any other source is then read again from `since_ms` ago, without
 * duplicates.
 */
import type { FollowedSource } from '../../protocol/source.ts';
import { formatTime } from '../../protocol/time.ts';
import { portionsOf } from '../../sources/portions.ts';
import { rowOf, type Source, SourceError } from '../../sources/source.ts';
import { backoff } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import { Duty } from '../maintenance/duty.ts';
import { FileRecall } from './file-recall.ts';
import { LaggingPosition } from './lagging-position.ts';
import { LastSightings } from './last-sightings.ts';
import { type Observing, observe } from './observe.ts';
import type { SourcePosition } from './positions.ts';
import { UnreadableItems } from './unreadable-items.ts';

export type FollowingOptions = {
  /** May contain secrets, so it is never shown. */
  url: string;
  open: (url: string) => Promise<Source>;
  observing: Observing;
  clock: Clock;
  poll_ms: number;
  /** How far back the first read goes. */
  since_ms: number;
  /** Where the position is kept; without it everything is read after a restart. */
  kept?: Pick<SourcePosition, 'load' | 'save'>;
  log: (level: 'info' | 'warn', message: string) => void;
};

const FAILURE_MAX_MS = 60_000;
/** Sightings per command, which must fit in a segment. */
const PORTION = 500;
const NOTES_MAX = 10;
const REFUSED_MAX = 10_000;
/** A job that is reported again after so many others counts twice. */
const TAKEN_MAX = 50_000;
/** Each costs a put. */
const SAVE_MS = 10_000;

export class Following {
  readonly #options: FollowingOptions;
  readonly #duty: Duty;
  readonly #stopping = new AbortController();
  readonly #recall = new FileRecall((where) => this.#unreadable.remove(where));
  readonly #last = new LastSightings();
  readonly #unreadable: UnreadableItems;
  readonly #notes = new Set<string>();
  #source: Source | null = null;
  #name: string;
  #position: string | null = null;
  #failures = 0;
  #problem: FollowedSource['problem'] = null;
  #last_read_ms: number | null = null;
  /** The position in the store, and when it was written. */
  #saved: { position: string | null; at_ms: number } | null = null;
  #taken = 0;
  readonly #lagging = new LaggingPosition();
  readonly #taken_ids = new Set<string>();
  #refused = new Set<string>();
  #looked_at = 0;
  #found = 0;

  constructor(options: FollowingOptions) {
    this.#options = options;
    this.#name = withoutSecrets(options.url);
    this.#unreadable = new UnreadableItems({ kept_ms: options.since_ms });
    const { clock, log, poll_ms } = options;
    this.#duty = new Duty({ name: this.#name, clock, failure_ms: poll_ms, log, run: () => this.#turn() });
  }

  start(): void {
    this.#duty.start();
  }

  /** Waits for the commit in progress. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#duty.stop();
    await this.#save();
    await this.#close();
  }

  get status(): FollowedSource {
    const unreadable = this.#unreadable.at(this.#options.clock.now());
    return {
      name: this.#name,
      state: this.#problem ? 'FAILING' : this.#last_read_ms === null ? 'STARTING' : 'FOLLOWING',
      last_read_at: this.#last_read_ms === null ? null : formatTime(this.#last_read_ms),
      jobs_taken: this.#taken,
      jobs_refused: this.#refused.size,
      looked_at: this.#looked_at,
      found_count: this.#found,
      unreadable_count: unreadable.count,
      unreadable: unreadable.examples,
      notes: [...this.#notes],
      problem: this.#problem,
    };
  }

  /** Never rejects: a failure is logged and shown in `status`. */
  async #turn(): Promise<{ again_ms: number }> {
    const { poll_ms, clock, log } = this.#options;
    try {
      await this.#read();
      if (this.#problem) log('info', `source ${this.#name} is read again`);
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
    await this.#load();
    const readings = this.#source.read({
      since_ms: clock.now() - since_ms,
      from: this.#position,
      recall: this.#recall,
      signal,
    });
    for await (const reading of readings) {
      this.#looked_at += reading.looked_at;
      this.#found += reading.found ?? reading.sightings.length;
      for (const item of reading.unreadable) this.#unreadable.add(item, clock.now());
      for (const note of reading.notes ?? []) if (this.#notes.size < NOTES_MAX) this.#notes.add(note);
      for (const one of reading.sightings) this.#unreadable.remove(rowOf(one.reported_id ?? one.job_id));
      const fresh = reading.sightings.filter((sighting) => this.#last.isNew(sighting));
      for (const portion of portionsOf(fresh, PORTION)) {
        const { refused } = await observe({ ...observing, took: (ids) => this.#count(ids) }, this.#name, portion);
        for (const sighting of portion) this.#last.keep(sighting);
        for (const { job_id } of refused) if (this.#refused.size < REFUSED_MAX) this.#refused.add(job_id);
      }
      // Only now, since it deletes messages of a queue and moves on: everything read is in the journal.
      await reading.done();
      // A notice, such as that of a deleted file, has no position.
      if (reading.position !== null) this.#position = reading.position;
      if (reading.position !== null) this.#lagging.add(reading.position, clock.monotonic());
      if (clock.monotonic() - (this.#saved?.at_ms ?? 0) >= SAVE_MS) await this.#save();
      if (signal.aborted) return;
    }
  }

  /** Each job once. */
  #count(job_ids: Iterable<string>): void {
    for (const job_id of job_ids) {
      if (!this.#taken_ids.delete(job_id)) this.#taken += 1;
      this.#taken_ids.add(job_id);
      if (this.#taken_ids.size > TAKEN_MAX) this.#taken_ids.delete(this.#taken_ids.values().next().value!);
    }
  }

  /** The position of the last run, once. Other sources than logs have to be read completely. */
  async #load(): Promise<void> {
    const { kept, clock } = this.#options;
    if (this.#saved || !kept || !this.#source?.appendsOnly) return;
    const position = await kept.load(this.#name);
    this.#saved = { position, at_ms: clock.monotonic() };
    this.#position = position;
    this.#lagging.add(position, clock.monotonic());
  }

  /** A position that can't be written costs no more than reading again. */
  async #save(): Promise<void> {
    const { kept, clock } = this.#options;
    if (!kept || !this.#saved) return;
    const position = this.#lagging.at(clock.monotonic());
    if (this.#saved.position === position) return;
    // Also if it fails, so that it is not tried with each chunk.
    this.#saved.at_ms = clock.monotonic();
    await kept.save(this.#name, position).then(
      () => {
        this.#saved!.position = position;
      },
      () => undefined,
    );
  }

  async #close(): Promise<void> {
    const source = this.#source;
    this.#source = null;
    await source?.close().catch(() => undefined);
  }
}

/** The name until the source is open. */
function withoutSecrets(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//').replace(/[?#].*$/, '');
}
