/**
 * One source in one round of a check: its reports of each job, and what could be read of it.
 *
 * A log is read on from the end of the previous round; every other source is read completely each round, so that a
 * deleted row disappears from the verdict too.
 */
import type { CheckedSource } from '../../protocol/check.ts';
import { type Heartbeat, type Source, SourceError, type Unreadable } from '../source.ts';
import type { Evidence, Examined } from './evidence.ts';
import { examineFollowed } from './followed.ts';
import type { CheckMemory } from './memory.ts';
import { ReportedJobs } from './reported-jobs.ts';

const UNREADABLE_SHOWN_MAX = 10;
const NOTES_MAX = 10;
/** Newer reports may be ahead, or of another zone, and more may be written while they are read. */
const SUMMED_AFTER_MS = 16 * 3_600_000;
/** A file that is being written keeps its last known state for two checks, or for five minutes if that is longer. */
const HALF_WRITTEN_LOOKS = 2;
const HALF_WRITTEN_MS = 5 * 60_000;

/** `alone`: there is no other source whose reports of the same jobs have to be merged. */
export type Round = { now_ms: number; since_ms: number; alone: boolean; signal: AbortSignal };

export type Look = {
  jobs: ReportedJobs;
  checked: CheckedSource;
  evidence: Evidence;
  /** What it reads itself. */
  followed: Examined[];
};

/** What is known of a log between rounds, and of another source during one. */
type Known = {
  jobs: ReportedJobs;
  position: string | null;
  found: number;
  without_zone: boolean;
  /** By round. */
  unreadable: { at_ms: number; count: number; examples: Unreadable[] }[];
};

const nothing = (): Known => ({
  jobs: new ReportedJobs(),
  position: null,
  found: 0,
  without_zone: false,
  unreadable: [],
});

export class SourceReader {
  readonly #source: Source;
  readonly #memory: CheckMemory;
  #known = nothing();

  constructor(source: Source, memory: CheckMemory) {
    this.#source = source;
    this.#memory = memory;
  }

  /** Rejects only if `signal` aborts, or because of a bug. */
  async read({ now_ms, since_ms, alone, signal }: Round): Promise<Look> {
    const source = this.#source;
    const { name, appendsOnly: goesOn = false } = source;
    if (!goesOn) this.#known = nothing();
    const known = this.#known;
    const recall = this.#memory.recall(name);
    const round = { at_ms: now_ms, count: 0, examples: [] as Unreadable[] };
    const half_written: Unreadable[] = [];
    const notes = new Set<string>();
    let looked_at = 0;
    let undated = 0;
    let monitor_store = false;
    let error: CheckedSource['error'] = null;
    let queue: CheckedSource['queue'] = null;
    let alerts: CheckedSource['alerts'] = [];
    let heartbeats: ReadonlyMap<string, Heartbeat> = new Map();
    let followed: Examined[] = [];
    try {
      const sums = alone ? { sums_until_ms: now_ms - SUMMED_AFTER_MS } : {};
      const options = { since_ms, from: known.position, peek: true, recall, signal, ...sums };
      for await (const reading of source.read(options)) {
        for (const one of reading.sightings) {
          known.jobs.add(one, reading.told_by?.get(one.job_id) ?? name, reading.moved_ms?.get(one.job_id));
        }
        if (reading.summed !== undefined) known.jobs.addSums(reading.summed);
        known.position = goesOn ? reading.position : null;
        known.found += reading.found ?? reading.sightings.length;
        looked_at += reading.looked_at;
        undated += reading.undated ?? 0;
        monitor_store ||= reading.monitor_store === true;
        known.without_zone ||=
          (reading.sightings.length > 0 || reading.summed !== undefined) && reading.without_zone !== false;
        for (const item of reading.unreadable) {
          if (this.#isBeingWritten(item, now_ms)) half_written.push(item);
          else {
            round.count += 1;
            if (round.examples.length < UNREADABLE_SHOWN_MAX) round.examples.push(item);
          }
        }
        for (const note of reading.notes ?? []) if (notes.size < NOTES_MAX) notes.add(note);
      }
      queue = (await source.depth?.(signal)) ?? null;
      alerts = (await source.alerts?.(signal)) ?? [];
      heartbeats = (await source.heartbeats?.(signal)) ?? heartbeats;
      followed = ((await source.follows?.(signal)) ?? []).map((one) => examineFollowed(name, one));
      recall.forget(since_ms);
      // Bounds the memory of a log that is followed for months.
      known.jobs.forgetBefore(since_ms);
      known.unreadable = known.unreadable.filter(({ at_ms }) => at_ms >= since_ms);
    } catch (thrown) {
      if (!(thrown instanceof SourceError) || signal.aborted) throw thrown;
      const { kind, message, hint } = thrown;
      error = { kind, message, hint: hint ?? null };
    }
    if (round.count > 0) known.unreadable.push(round);
    if (known.found > 0) this.#memory.found.add(name);
    const checked: CheckedSource = {
      name,
      read: error === null,
      error,
      looked_at,
      found_count: known.found,
      unreadable_count: known.unreadable.reduce((sum, { count }) => sum + count, 0),
      unreadable: known.unreadable
        .flatMap(({ examples }) => examples)
        .slice(0, UNREADABLE_SHOWN_MAX)
        .map(({ where, why }) => ({ where, why })),
      undated_count: undated,
      notes: [...notes],
      queue,
      alerts,
    };
    const evidence = {
      // A queue or a monitor that responds says itself what it is.
      found_before: this.#memory.found.has(name) || source.depth !== undefined,
      half_written,
      heartbeats,
      monitor: source.heartbeats !== undefined,
      monitor_store,
      without_zone: known.without_zone,
      in_flight_since_ms: queue === null ? null : this.#inFlightSince(queue, now_ms),
    };
    return { jobs: known.jobs, checked, evidence, followed };
  }

  #isBeingWritten({ where, half_written = false, last_known = false }: Unreadable, now_ms: number): boolean {
    if (!half_written || !last_known) return false;
    const { since_ms, looks } = this.#memory.since(`half-written ${this.#source.name} ${where}`, now_ms);
    return looks <= HALF_WRITTEN_LOOKS || now_ms - since_ms < HALF_WRITTEN_MS;
  }

  /** Since when none of its messages has waited, and as many have been in flight. */
  #inFlightSince({ waiting, in_flight }: NonNullable<CheckedSource['queue']>, now_ms: number): number | null {
    if (waiting > 0 || in_flight === 0) return null;
    return this.#memory.since(`in flight ${this.#source.name} ${in_flight}`, now_ms).since_ms;
  }
}
