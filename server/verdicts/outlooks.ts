/** The outlook of jobs for readers: from one forecast, made when it is asked for, at most once a second. */
import type { JobRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { Forecast, type Outlook } from './forecast.ts';
import { OwnPlaces } from './own-places.ts';

const FRESH_MS = 1_000;

export type OutlookOptions = {
  state: () => State;
  /** Log time. */
  now: () => number;
  /** See class-order.ts. */
  passes_max: number;
};

export class Outlooks {
  readonly #options: OutlookOptions;
  #forecast: Forecast | null = null;
  #own: OwnPlaces | null = null;

  constructor(options: OutlookOptions) {
    this.#options = options;
  }

  of(job: JobRecord): Outlook {
    const { state, now, passes_max } = this.#options;
    const at_ms = now();
    if (this.#forecast === null || Math.abs(at_ms - this.#forecast.at_ms) >= FRESH_MS)
      this.#forecast = new Forecast(state(), { passes_max, at_ms });
    return this.#forecast.of(state(), job);
  }

  /** As far as it depends on no job of another tenant: its place among those of its own, and the end of a running one. */
  ownOf(job: JobRecord): Outlook {
    const { state, now } = this.#options;
    if (job.state === 'PROCESSING') return this.of(job);
    const at_ms = now();
    if (this.#own === null || Math.abs(at_ms - this.#own.at_ms) >= FRESH_MS) this.#own = new OwnPlaces(state(), at_ms);
    return { position: this.#own.placeOf(state(), job), start: null, end: null };
  }
}
