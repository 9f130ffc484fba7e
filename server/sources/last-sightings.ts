/**
 * The last sighting of each job. A source that is read in full every time repeats most of them; a repeated sighting
 * needs no lookup in the fold or in the archive, where it would cost a request per job and read.
 */
import { hash } from 'node:crypto';
import type { Sighting } from '../../protocol/sighting.ts';

const JOBS_MAX = 50_000;

export class LastSightings {
  readonly #digests = new Map<string, string>();

  isNew(sighting: Sighting): boolean {
    return this.#digests.get(sighting.job_id) !== digest(sighting);
  }

  /** Call once the sighting is in the journal. Drops the least recently reported jobs first. */
  keep(sighting: Sighting): void {
    this.#digests.delete(sighting.job_id);
    this.#digests.set(sighting.job_id, digest(sighting));
    if (this.#digests.size > JOBS_MAX) this.#digests.delete(this.#digests.keys().next().value!);
  }
}

const digest = (sighting: Sighting): string => hash('sha256', JSON.stringify(sighting), 'base64url').slice(0, 20);
