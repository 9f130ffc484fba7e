/**
 * The monitor of a simulated fleet: the real state machine on a journal in memory, with ticks. Soft commands wait as in the
 * journal; while it is down nothing is accepted, and after a start it restores its fold from a snapshot and spares leases.
 */
import type { Policies } from '../../server/policies/policies.ts';
import { applyEvents, beginSegment, UNREMEMBERED } from '../../server/state-machine/apply/apply.ts';
import { type CommandBody, softKey } from '../../server/state-machine/decide/commands.ts';
import { decide } from '../../server/state-machine/decide/decide.ts';
import type { Decision } from '../../server/state-machine/decide/decision.ts';
import type { Event, JournalEvent } from '../../server/state-machine/events.ts';
import { restore, snapshotRows } from '../../server/state-machine/state/snapshot.ts';
import { State } from '../../server/state-machine/state/state.ts';
import { POLICY } from '../../server/state-machine/testing.ts';
import type { Agenda } from './agenda.ts';

export const TICK_MS = 2_000;

export class SimMonitor {
  state = new State();
  up = true;
  /** Until then silence does not count. */
  spared_until_ms = 0;
  readonly #agenda: Agenda;
  readonly #linger_ms: number;
  readonly #onEvents: (events: readonly Event[]) => void;
  readonly #policies: Policies | null;
  #soft = new Map<string, CommandBody>();

  /** `policies`: what is done about verdicts; null: nothing. */
  constructor(
    agenda: Agenda,
    linger_ms: number,
    onEvents: (events: readonly Event[]) => void,
    policies: Policies | null = null,
  ) {
    this.#policies = policies;
    this.#agenda = agenda;
    this.#linger_ms = linger_ms;
    this.#onEvents = onEvents;
    this.#tick();
  }

  /** Null while it is down. */
  run(body: CommandBody): Decision | null {
    if (!this.up) return null;
    this.#flush();
    return this.#commit(body);
  }

  soft(body: CommandBody): void {
    if (!this.up) return;
    if (this.#soft.size === 0) this.#agenda.after(this.#linger_ms, () => this.#flush());
    this.#soft.set(softKey(body)!, body);
  }

  stop(): void {
    this.up = false;
    this.#soft.clear();
  }

  start(): void {
    this.state = restore(snapshotRows(this.state));
    this.up = true;
    this.spared_until_ms = this.#agenda.now_ms + POLICY.lease_ms;
  }

  get expires(): boolean {
    return this.up && this.#agenda.now_ms >= this.spared_until_ms;
  }

  #flush(): void {
    const pending = [...this.#soft.values()];
    this.#soft.clear();
    if (this.up) for (const body of pending) this.#commit(body);
  }

  #commit(body: CommandBody): Decision {
    const { state } = this;
    beginSegment(state, state.seq + 1, this.#agenda.now_ms);
    const decision = decide(
      state,
      { id: ID, fingerprint: '', actor: 'sim', body },
      { at_ms: state.at_ms, policy: this.#policies ? { ...POLICY, policies: this.#policies } : POLICY },
    );
    const { events = [] } = decision;
    if (events.length > 0) {
      applyEvents(
        state,
        events.map((event): JournalEvent => ({ id: ID, at: '', actor: 'sim', ...event })),
      );
      this.#onEvents(events);
    }
    return decision;
  }

  #tick(): void {
    this.#agenda.after(TICK_MS, () => {
      const acting = this.#policies ? { acting: { by: 'sim' } } : {};
      this.run({ type: 'tick', ids: [], expire: this.expires, ...acting });
      this.#tick();
    });
  }
}

const ID = `${UNREMEMBERED}sim//0`;
