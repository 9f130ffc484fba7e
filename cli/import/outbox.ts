/**
 * Sightings to send to the monitor: ended jobs are sent in full batches, several at a time; running jobs wait, so that
 * later lines of a log are merged into them. A job is in one batch at a time, so that its sightings stay in order.
 */
import { hasEnded, mergeSightings, type Sighting, writeSighting } from '../../protocol/sighting.ts';
import type { SightingsAnswer } from '../../protocol/source.ts';
import { portionsOf } from '../../sources/portions.ts';

export type Send = (jobs: ReturnType<typeof writeSighting>[]) => Promise<SightingsAnswer>;

const PORTION = 1000;
const IN_FLIGHT_MAX = 3;
/** Running jobs that wait; a fleet has fewer, a broken log may have more. */
const WAITING_MAX = 20_000;
const REFUSED_EXAMPLES = 10;

export class Outbox {
  readonly #send: Send;
  readonly #ended = new Map<string, Sighting>();
  readonly #going = new Map<string, Sighting>();
  readonly #inFlight = new Set<string>();
  readonly #sending = new Set<Promise<void>>();
  #failure: { error: unknown } | null = null;
  taken = 0;
  known = 0;
  refused = 0;
  readonly refusals: SightingsAnswer['refused'] = [];

  constructor(send: Send) {
    this.#send = send;
  }

  /** Waits while too many batches are under way. Rejects if the monitor refuses one. */
  async add(sightings: readonly Sighting[]): Promise<void> {
    for (const sighting of sightings) {
      const known = this.#ended.get(sighting.job_id) ?? this.#going.get(sighting.job_id);
      const merged = known ? mergeSightings(known, sighting) : sighting;
      const ended = hasEnded(merged);
      (ended ? this.#ended : this.#going).set(sighting.job_id, merged);
      if (known) (ended ? this.#going : this.#ended).delete(sighting.job_id);
    }
    while (this.#ended.size >= PORTION) if (!(await this.#sendFrom(this.#ended))) break;
    while (this.#going.size >= WAITING_MAX) if (!(await this.#sendFrom(this.#going))) break;
  }

  /** Resolves when everything added is in the monitor. */
  async flush(): Promise<void> {
    for (const waiting of [this.#ended, this.#going]) {
      while (waiting.size > 0) if (!(await this.#sendFrom(waiting))) await this.#oneSent();
    }
    await Promise.all(this.#sending);
    this.#check();
  }

  /** Sends one request; returns false if every waiting job is in a request under way. */
  async #sendFrom(waiting: Map<string, Sighting>): Promise<boolean> {
    while (this.#sending.size >= IN_FLIGHT_MAX) await this.#oneSent();
    this.#check();
    const free: Sighting[] = [];
    for (const sighting of waiting.values()) {
      if (!this.#inFlight.has(sighting.job_id)) free.push(sighting);
      if (free.length === PORTION) break;
    }
    const [portion] = portionsOf(free);
    if (!portion) return false;
    for (const { job_id } of portion) {
      waiting.delete(job_id);
      this.#inFlight.add(job_id);
    }
    const sending = this.#deliver(portion).finally(() => this.#sending.delete(sending));
    this.#sending.add(sending);
    return true;
  }

  async #deliver(portion: Sighting[]): Promise<void> {
    try {
      const { taken, known, refused } = await this.#send(portion.map(writeSighting));
      this.taken += taken;
      this.known += known;
      this.refused += refused.length;
      this.refusals.push(...refused.slice(0, REFUSED_EXAMPLES - this.refusals.length));
    } catch (error) {
      this.#failure ??= { error };
    }
    for (const { job_id } of portion) this.#inFlight.delete(job_id);
  }

  async #oneSent(): Promise<void> {
    await Promise.race(this.#sending);
    this.#check();
  }

  #check(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
