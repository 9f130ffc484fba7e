/**
 * When rules would have fired: evaluates them over a replayed journal, for the same log times as a monitor does.
 *
 *     for each segment: advance(the fold before it, its log time), then apply it; at the end advance(the fold, now)
 *
 * What the journal does not have is unknown: signals that an instance observes itself, and for how long a monitor was down.
 */
import type { Labels } from '../../protocol/alert-labels.ts';
import type { State } from '../state-machine/state/state.ts';
import { EVALUATION_MS, evaluate, type Found, textsOf } from './evaluation.ts';
import type { AlertRule } from './rules/rules.ts';

export type Firing = {
  rule: string;
  subject: string | null;
  labels: Labels;
  message: string;
  /** When the condition was first found to hold. */
  created_ms: number;
  fired_ms: number;
  /** null: it still fired at the end. */
  resolved_ms: number | null;
};

type Condition = { created_ms: number; firing: Firing | null };

export class Backtest {
  readonly #rules: readonly AlertRule[];
  readonly #since_ms: number;
  readonly #conditions = new Map<string, Condition>();
  readonly #firings: Firing[] = [];
  #next_ms: number;

  /** `base`: the fold from which the replay begins. Firings before `since_ms` are not reported. */
  constructor(rules: readonly AlertRule[], base: State, since_ms: number) {
    this.#rules = rules;
    this.#since_ms = since_ms;
    this.#next_ms = (Math.floor(base.at_ms / EVALUATION_MS) + 1) * EVALUATION_MS;
    const names = new Set(rules.map(({ name }) => name));
    for (const [fingerprint, id] of base.tables.alert_conditions.entries()) {
      const alert = base.tables.alerts.get(id);
      if (!alert || !names.has(alert.rule)) continue;
      const { rule, subject, labels, message, created_ms, fired_ms } = alert;
      const firing =
        fired_ms === null ? null : { rule, subject, labels, message, created_ms, fired_ms, resolved_ms: null };
      this.#conditions.set(fingerprint, { created_ms, firing });
    }
  }

  /**
   * Evaluates for every log time up to `until_ms`; nothing happened since the last call. A tick sees the fold before its own
   * events, so a segment of that very time comes after.
   */
  advance(state: State, until_ms: number): void {
    // In an empty fold nothing can hold, and its log time is that of 1970.
    if (state.seq === 0) this.#next_ms = Math.ceil(until_ms / EVALUATION_MS) * EVALUATION_MS;
    for (; this.#next_ms <= until_ms; this.#next_ms += EVALUATION_MS) this.#evaluate(state, this.#next_ms);
  }

  /** Oldest first. */
  get firings(): readonly Firing[] {
    return this.#firings;
  }

  #evaluate(state: State, at_ms: number): void {
    const { found } = evaluate(state, this.#rules, { at_ms, expire: true, observed: {} });
    for (const [fingerprint, one] of found) {
      let condition = this.#conditions.get(fingerprint);
      if (!condition) {
        condition = { created_ms: at_ms, firing: null };
        this.#conditions.set(fingerprint, condition);
      }
      if (condition.firing || at_ms - condition.created_ms < one.rule.for_ms) continue;
      condition.firing = firingOf(one, condition.created_ms, at_ms);
      if (at_ms >= this.#since_ms) this.#firings.push(condition.firing);
    }
    for (const [fingerprint, { firing }] of this.#conditions) {
      if (found.has(fingerprint)) continue;
      if (firing) firing.resolved_ms = at_ms;
      this.#conditions.delete(fingerprint);
    }
  }
}

function firingOf(found: Found, created_ms: number, fired_ms: number): Firing {
  const { rule, subject, labels } = found;
  const { message } = textsOf(found);
  return { rule: rule.name, subject, labels, message, created_ms, fired_ms, resolved_ms: null };
}
