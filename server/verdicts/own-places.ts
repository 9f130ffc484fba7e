/** The places of waiting jobs among those of their tenant: by class, then in the order in which they entered the queue. */
import { PRIORITIES } from '../../protocol/job.ts';
import { heldBack } from '../state-machine/state/held-back.ts';
import { claimable } from '../state-machine/state/job-indexes.ts';
import { type JobRecord, tenantOf } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';

export class OwnPlaces {
  readonly at_ms: number;
  readonly #state: State;
  #places: ReadonlyMap<string, number> | null = null;

  constructor(state: State, at_ms: number) {
    this.at_ms = at_ms;
    this.#state = state.clone();
  }

  /** From 1. Null if the job may not be claimed now, or has entered the queue since. */
  placeOf(now: State, job: JobRecord): number | null {
    if (!claimable(job) || heldBack(now, job) !== null) return null;
    this.#places ??= placesIn(this.#state);
    return this.#places.get(job.job_id) ?? null;
  }
}

function placesIn(state: State): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  const counts = new Map<string, number>();
  for (const priority of PRIORITIES) {
    for (const job_id of state.tables.waiting[priority].values()) {
      const tenant = tenantOf(state.job(job_id)!);
      const count = (counts.get(tenant) ?? 0) + 1;
      counts.set(tenant, count);
      places.set(job_id, count);
    }
  }
  return places;
}
