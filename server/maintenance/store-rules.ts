/**
 * A bucket's lifecycle rules can change while the monitor runs, so they are checked at the start and daily. A rule that
 * would delete or archive objects that the monitor needs is logged, and the next tick raises the alert `store_rule`.
 */
import type { Clock } from '../clock.ts';
import { Duty } from './duty.ts';

type Finding = { verdict: string; says: string; hint?: string };

export type StoreRulesOptions = {
  /** Inspects the bucket; undefined for a directory, which has no rules. */
  inspect: (() => Promise<Finding[]>) | undefined;
  clock: Clock;
  log: (level: 'warn', message: string) => void;
};

const DAY_MS = 86_400_000;
const FAILURE_MS = 600_000;

export class StoreRules {
  readonly #options: StoreRulesOptions;
  #harm: string | null | undefined;

  constructor(options: StoreRulesOptions) {
    this.#options = options;
  }

  /** The harm that the rules would do; null if none, undefined if unknown. */
  get harm(): string | null | undefined {
    return this.#harm;
  }

  duty(): Duty {
    const { clock, log } = this.#options;
    return new Duty({
      name: 'store rules',
      clock,
      failure_ms: FAILURE_MS,
      log,
      run: async () => {
        await this.check();
        return { again_ms: DAY_MS };
      },
    });
  }

  async check(): Promise<void> {
    const { inspect, log } = this.#options;
    const findings = (await inspect?.()) ?? [];
    // Without permission to read the rules, the last known result stands.
    if (findings.some(({ verdict }) => verdict === 'skip')) return;
    const harmful = findings.filter(({ verdict }) => verdict === 'fail');
    for (const { says, hint } of harmful) log('warn', hint === undefined ? says : `${says}: ${hint}`);
    this.#harm = harmful.length === 0 ? null : harmful.map(({ says }) => says).join('; ');
  }
}
