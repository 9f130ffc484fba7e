/**
 * The faults of a history. Each history has only some of the faults, each at its own rate: rare ones coincide more
 * often in a few rough histories than in many mild ones.
 */
import type { Chance } from './chance.ts';
import type { Plan } from './plan.ts';

export const FAULTS = [
  'request_lost',
  'response_lost',
  'deferred',
  'landed_later',
  'refused_once',
  'sent_twice',
  'paused_before_sending',
  'paused_before_response',
  'slow',
  'outage',
  'writes_refused',
  'all_refused',
  'crash',
  'pause',
  'clock_jump',
  'object_damaged',
  'reply_lost',
  'source_fails',
] as const;
export type Fault = (typeof FAULTS)[number];

/** The faults by which a name is used and freed while a process that will use it sleeps. */
const SLEEPY: ReadonlySet<Fault> = new Set(['landed_later', 'paused_before_sending', 'pause']);

/** The faults that also occur on a directory, which one process has locked. */
const LOCAL: ReadonlySet<Fault> = new Set([
  'deferred',
  'refused_once',
  'slow',
  'outage',
  'writes_refused',
  'all_refused',
  'crash',
  'pause',
  'clock_jump',
  'object_damaged',
  'reply_lost',
  'source_fails',
]);

/** What may happen to one request to the store, each with its maximum rate. */
const RATES: Partial<Record<Fault, number>> = {
  request_lost: 0.06,
  response_lost: 0.06,
  deferred: 0.08,
  landed_later: 0.04,
  refused_once: 0.02,
  sent_twice: 0.05,
  paused_before_sending: 0.04,
  paused_before_response: 0.02,
  slow: 0.05,
};

export class Faults {
  readonly chance: Chance;
  readonly counts: Partial<Record<Fault, number>> = {};
  readonly enabled: ReadonlySet<Fault>;
  readonly #rates: [Fault, number][] = [];
  readonly #sleepy: boolean;
  #over = false;

  constructor(chance: Chance, { sleepy, sole }: Pick<Plan, 'sleepy' | 'sole'>) {
    this.chance = chance;
    this.#sleepy = sleepy;
    const possible = FAULTS.filter((fault) => !sole || LOCAL.has(fault));
    this.enabled = new Set(possible.filter((fault) => chance.happens(0.55) || (sleepy && SLEEPY.has(fault))));
    for (const fault of FAULTS) {
      const most = RATES[fault];
      if (most === undefined || !this.enabled.has(fault)) continue;
      this.#rates.push([fault, most * (sleepy && SLEEPY.has(fault) ? 1 : chance.between(0.1, 1))]);
    }
  }

  /** Ends all faults. */
  end(): void {
    this.#over = true;
  }

  get over(): boolean {
    return this.#over;
  }

  /** Whether this fault happens now, with this probability; counted if so. */
  strikes(fault: Fault, part: number): boolean {
    if (this.#over || !this.enabled.has(fault) || !this.chance.happens(part)) return false;
    this.count(fault);
    return true;
  }

  count(fault: Fault): void {
    this.counts[fault] = (this.counts[fault] ?? 0) + 1;
  }

  /** The fate of one request to the store. */
  fate(writes: boolean): Fault | 'fine' {
    if (this.#over) return 'fine';
    let left = this.chance.float();
    for (const [fault, rate] of this.#rates) {
      left -= rate;
      if (left >= 0) continue;
      // Reads have no effect that could come late or twice; the relevant sleep is within a write.
      const fits = writes || !(fault === 'landed_later' || fault === 'sent_twice' || fault === 'paused_before_sending');
      if (fits) this.count(fault);
      return fits ? fault : 'fine';
    }
    return 'fine';
  }

  /** How long a process sleeps: seconds, or longer than the retention. */
  pauseLength(): number {
    const { chance } = this;
    if (!this.#sleepy && chance.happens(0.5)) return chance.between(1_000, 60_000);
    return chance.between(9 * 60_000, 70 * 60_000);
  }
}
