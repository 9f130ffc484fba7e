/**
 * What a source said of each job when it was read last. One that is read whole, again and again, says the same of most of them:
 * those need no look into the fold, and none into the archive, which would cost a request for each job at every reading.
 */
import { createHash } from 'node:crypto';
import type { Sighting } from '../../protocol/sighting.ts';

const JOBS_MAX = 50_000;

export class LastTold {
  readonly #told = new Map<string, string>();

  isNew(told: Sighting): boolean {
    return this.#told.get(told.job_id) !== digest(told);
  }

  /** It is in the journal. The jobs that were told of longest ago are forgotten first. */
  keep(told: Sighting): void {
    this.#told.delete(told.job_id);
    this.#told.set(told.job_id, digest(told));
    if (this.#told.size > JOBS_MAX) this.#told.delete(this.#told.keys().next().value!);
  }
}

const digest = (told: Sighting): string =>
  createHash('sha256').update(JSON.stringify(told)).digest('base64url').slice(0, 20);
