/**
 * A bucket's rules can be changed while the monitor runs: they are looked at when it starts and every day. One that would delete or
 * archive what the monitor needs is logged, and raised as the alert `store_rule` by the next tick.
 */
import type { Clock } from '../clock.ts';
import { Duty } from './duty.ts';

type Finding = { verdict: string; says: string; hint?: string };

export type StoreRulesOptions = {
  /** What the store finds out about its place; absent in a directory, which has no rules. */
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

  /** What a rule would do; null if no rule does harm, undefined if that is not known. */
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
        await this.look();
        return { again_ms: DAY_MS };
      },
    });
  }

  async look(): Promise<void> {
    const { inspect, log } = this.#options;
    const findings = (await inspect?.()) ?? [];
    // Rules that may not be read say nothing about what they were.
    if (findings.some(({ verdict }) => verdict === 'skip')) return;
    const harmful = findings.filter(({ verdict }) => verdict === 'fail');
    for (const { says, hint } of harmful) log('warn', hint === undefined ? says : `${says}: ${hint}`);
    this.#harm = harmful.length === 0 ? null : harmful.map(({ says }) => says).join('; ');
  }
}
