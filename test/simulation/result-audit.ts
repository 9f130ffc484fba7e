/** Checks what callers and subscribers get, and whether an instance's fold equals the log's. */
import { isDeepStrictEqual } from 'node:util';
import { type AppliedSegment, type Engine, Refused } from '../../server/engine.ts';
import { JournalError } from '../../server/journal/errors.ts';
import { isRemembered } from '../../server/state-machine/apply/apply.ts';
import type { Command, Outcome } from '../../server/state-machine/decide/commands.ts';
import { decide } from '../../server/state-machine/decide/decide.ts';
import type { Decision } from '../../server/state-machine/decide/decision.ts';
import type { State } from '../../server/state-machine/state/state.ts';
import { type Effect, type LogAudit, type PolicyOf, stateHash } from './log-audit.ts';
import type { World } from './world.ts';

/** One sending of a command to one instance. `head`: the log's end when it arrived. */
export type Sending = { command: Command; instance: string; head: number };

export class ResultAudit {
  readonly #world: World;
  readonly #log: LogAudit;
  readonly #policyOf: PolicyOf;
  /** How often each command was sent, and the result by which its caller learned that it was not applied. */
  readonly #taken = new Map<string, number>();
  readonly #denied = new Map<string, string>();
  results = 0;
  acknowledged = 0;
  #segments_seen = 0;

  constructor(world: World, log: LogAudit, policyOf: PolicyOf) {
    this.#world = world;
    this.#log = log;
    this.#policyOf = policyOf;
  }

  sent(command: Command, instance: string): Sending {
    const key = keyOf(command);
    this.#taken.set(key, (this.#taken.get(key) ?? 0) + 1);
    return { command, instance, head: this.#log.head };
  }

  acked(sending: Sending, outcome: Outcome): void {
    const { command, instance } = sending;
    this.results += 1;
    this.#world.note(`${instance}: ${command.id} ${command.body.type} done, ${outcome.refs.length} events`);
    if (outcome.refs.length === 0) {
      const waits = command.body.type === 'claim_jobs' || !isRemembered(command.id);
      if (!waits) this.#onceTrue(sending, (decision) => decision.events?.length === 0, 'had no effect');
      return;
    }
    this.acknowledged += 1;
    const effects = this.#log.effects.get(command.id);
    if (!effects)
      return this.#world.violate('I4', `${command.id} was acknowledged by ${instance} but is not in the log`);
    const first = ({ name, refs }: Effect) => name === keyOf(command) && isDeepStrictEqual(refs, outcome.refs);
    if (isRemembered(command.id) && !effects.some(first)) {
      this.#world.violate('I5', `${command.id} got ${JSON.stringify(outcome)}, not ${JSON.stringify(effects)}`);
    }
    if (outcome.replayed && this.#taken.get(keyOf(command)) === 1) {
      this.#world.violate('I5', `${command.id} was sent once but reported as a repetition`);
    }
  }

  failed(sending: Sending, error: unknown): void {
    const { command, instance } = sending;
    this.results += 1;
    const what =
      error instanceof Refused ? error.refusal.code : error instanceof JournalError ? error.kind : String(error);
    this.#world.note(`${instance}: ${command.id} ${command.body.type} not done: ${what}`);
    if (error instanceof Refused) {
      const { code } = error.refusal;
      if (code === 'decision_failed') return this.#world.violate('I9', `${command.body.type}: ${error.message}`);
      this.#onceTrue(sending, (decision) => decision.refusal?.code === code, `was refused (${code})`);
    } else if (!(error instanceof JournalError)) {
      return this.#world.violate('I6', `${command.id} got ${error}`);
    } else if (error.kind === 'outcome_unknown' || error.kind === 'corrupt') return;
    this.#denied.set(keyOf(command), `${what} by ${instance}`);
  }

  /** A command that was sent only once and reported as not applied must not be in the log. */
  auditDenials(): void {
    for (const [key, result] of this.#denied) {
      const command = this.#log.commands.get(key)!;
      if (this.#taken.get(key) !== 1) continue;
      const effect = this.#log.effects.get(command.id)?.find(({ name }) => name === key);
      if (effect) this.#world.violate('I6', `${key} got ${result} but is in segment ${effect.seq}`);
    }
  }

  /** A result that rests on the fold alone must have been correct at some time between request and result. */
  #onceTrue({ command, instance, head }: Sending, test: (decision: Decision) => boolean, what: string): void {
    if (this.#log.wasForgotten(command.id)) return;
    // A process is named after its instance: a.3
    const policy = this.#policyOf(instance.split('.')[0]!);
    for (let seq = this.#log.head; seq >= head; seq--) {
      for (const fold of this.#log.segments[seq]!.folds) {
        if (test(decide(fold, command, { at_ms: fold.at_ms, policy }))) return;
      }
    }
    this.#world.violate(
      'I3',
      `${command.id} ${command.body.type} ${what} at ${instance}, which was true at no time from segment ${head} on`,
    );
  }

  /** Watches everything that an engine emits to its subscribers. */
  watch(name: string, engine: Engine): void {
    this.#auditFold(name, engine.state);
    let last: number | null = engine.state.seq;
    engine.subscribe((segment) => {
      this.#segments_seen += 1;
      if (segment === null) {
        this.#world.note(`${name}: fold replaced at ${engine.state.seq}`);
        this.#auditFold(name, engine.state);
        last = null;
        return;
      }
      this.#auditSegment(name, segment, last, engine.state);
      last = segment.seq;
    });
  }

  #auditSegment(name: string, { seq, at_ms, events }: AppliedSegment, last: number | null, state: State): void {
    if (state.seq !== seq) return this.#world.violate('I11', `${name} emits ${seq} while its fold is at ${state.seq}`);
    if (last !== null && seq !== last + 1) {
      return this.#world.violate('I11', `${name} emits segment ${seq} after ${last}`);
    }
    const segment = this.#log.segments[seq];
    if (!segment) return this.#world.violate('I1', `${name} applied segment ${seq}, which was never created`);
    if (at_ms !== segment.at_ms)
      this.#world.violate('I10', `${name} has log time ${at_ms} at ${seq}, not ${segment.at_ms}`);
    for (const [index, line] of segment.lines.entries()) {
      if (JSON.stringify(events[index]) === line) continue;
      return this.#world.violate('I1', `${name} applied another segment ${seq} than the first created there`);
    }
    if (events.length !== segment.lines.length)
      this.#world.violate('I1', `${name} applied more in ${seq} than it contains`);
    if (this.#segments_seen % 8 === 0) this.#auditFold(name, state);
  }

  /** Equal sequence numbers mean equal states. */
  #auditFold(name: string, state: State): void {
    if (state.seq > this.#log.head) {
      return this.#world.violate('I1', `${name} holds segment ${state.seq}, which was never created`);
    }
    if (stateHash(state) !== this.#log.hash(state.seq)) {
      this.#world.violate('I9', `${name} holds another fold at ${state.seq} than the log’s`);
    }
  }

  /**
   * After all faults: an instance that has read on to the log's end of that time, or beyond it, holds exactly the log's
   * fold.
   */
  auditTail(name: string, engine: Engine, head: number): void {
    const { status } = engine.journal;
    if (status.halted || !status.writable) {
      return this.#world.violate('I13', `${name} accepts no writes after the faults: ${status.problem}`);
    }
    if (engine.state.seq < head) {
      return this.#world.violate('I13', `${name} takes ${engine.state.seq} for the end of the log; it was ${head}`);
    }
    this.#auditFold(name, engine.state);
    if (engine.journal.head.hash !== this.#log.segments[engine.journal.head.seq]!.hash) {
      this.#world.violate('I2', `${name} is at another segment ${engine.state.seq}`);
    }
  }
}

const keyOf = ({ id, fingerprint }: Command): string => `${id}/${fingerprint}`;
