/**
 * Ends sessions that nobody uses. What this instance has let in is in memory; the journal gets a use at most once per
 * twelfth of the limit, so that other instances and a later start know of it at a bounded price. Another instance
 * therefore ends a session up to this much sooner, and never later.
 */
import type { Engine } from '../engine.ts';
import { newUlid } from '../ids.ts';
import { UNREMEMBERED } from '../state-machine/apply/apply.ts';
import { type PassRecord, usedAt } from '../state-machine/state/passes.ts';

/** How many times within the limit a use is written. */
const WRITES = 12;
/** Beyond this many sessions, those that have ended are forgotten. */
const KEPT_MIN = 1_000;

type Use = { used_ms: number; written_ms: number };

export class IdleSessions {
  readonly #engine: Pick<Engine, 'state' | 'submit'>;
  readonly #idle_ms: number;
  readonly #uses = new Map<string, Use>();
  #kept_max = KEPT_MIN;

  /** `idle_ms` 0: sessions do not end by this. */
  constructor(engine: Pick<Engine, 'state' | 'submit'>, idle_ms: number) {
    this.#engine = engine;
    this.#idle_ms = idle_ms;
  }

  /** When the pass ends unless it is used before; infinite for all but sessions. */
  endOf(pass: PassRecord): number {
    if (this.#idle_ms === 0 || pass.kind !== 'session') return Number.POSITIVE_INFINITY;
    return Math.max(usedAt(pass), this.#uses.get(pass.id)?.used_ms ?? 0) + this.#idle_ms;
  }

  /** It was used now. */
  use(pass: PassRecord, now_ms: number): void {
    if (this.#idle_ms === 0 || pass.kind !== 'session') return;
    const every_ms = this.#idle_ms / WRITES;
    const { written_ms = 0 } = this.#uses.get(pass.id) ?? {};
    const due = now_ms - Math.max(usedAt(pass), written_ms) >= every_ms;
    this.#uses.set(pass.id, { used_ms: now_ms, written_ms: due ? now_ms : written_ms });
    if (!due) return;
    if (this.#uses.size > this.#kept_max) this.#forgetEnded();
    const body = { type: 'use_pass', pass_id: pass.id, every_ms } as const;
    const command = { id: `${UNREMEMBERED}${newUlid()}`, fingerprint: '', actor: 'monitor', body };
    // While nothing can be written, this instance still knows; the next use is written when it is due.
    this.#engine.submit(command).catch(() => {});
  }

  #forgetEnded(): void {
    const { passes } = this.#engine.state.tables;
    for (const id of this.#uses.keys()) if (!passes.has(id)) this.#uses.delete(id);
    this.#kept_max = Math.max(KEPT_MIN, 2 * this.#uses.size);
  }
}
