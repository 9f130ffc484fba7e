/**
 * A model of the journal: one list of segments, whose order all instances share, and for each instance an engine that
 * reads it late, decides at its end, and sometimes does not learn the outcome. The decisions and the fold are the
 * product's.
 */
import type { AppliedSegment, SegmentListener } from '../../../server/engine.ts';
import { Refused } from '../../../server/engine.ts';
import type { QueueEngine } from '../../../server/queues/queue-engine.ts';
import { applyEvents, beginSegment, eventId } from '../../../server/state-machine/apply/apply.ts';
import type { Command, Outcome } from '../../../server/state-machine/decide/commands.ts';
import { decide } from '../../../server/state-machine/decide/decide.ts';
import type { Policy } from '../../../server/state-machine/decide/policy.ts';
import type { Event, JournalEvent } from '../../../server/state-machine/events.ts';
import { State } from '../../../server/state-machine/state/state.ts';
import type { Chance } from '../chance.ts';
import type { Process, World } from '../world.ts';

type Segment = Omit<AppliedSegment, 'own'>;

export class ModelLog {
  readonly segments: Segment[] = [];
  /** The fold of them all. */
  end = new State();
  /** How often a caller does not get the outcome. */
  unknown = 0;
  /** Called with every segment before it is applied. */
  observe: (segment: Segment, before: State) => void = () => {};
  readonly world: World;
  readonly policy: Policy;

  constructor(world: World, policy: Policy) {
    this.world = world;
    this.policy = policy;
  }

  /** Decides at the end, appends, and returns the outcome. Throws Refused. */
  commit(command: Command): Outcome {
    const state = this.end.clone();
    const at_ms = Math.max(state.at_ms, Math.floor(this.world.now_ms));
    beginSegment(state, state.seq + 1, at_ms);
    const decision = decide(state, command, { at_ms, policy: this.policy });
    if (decision.refusal) throw new Refused(decision.refusal);
    if (decision.refs) return { seq: this.end.seq, refs: decision.refs, replayed: true };
    const refs = decision.events.length > 0 ? this.#append(command, decision.events, state, at_ms) : [];
    return { seq: this.end.seq, refs, replayed: false };
  }

  #append(command: Command, decided: readonly Event[], state: State, at_ms: number): Outcome['refs'] {
    const at = new Date(at_ms).toISOString();
    const events = decided.map(
      (event, index) => ({ id: eventId(command.id, '', index), at, actor: command.actor, ...event }) as JournalEvent,
    );
    const segment = { seq: state.seq, at_ms, events, lines: [] };
    this.observe(segment, this.end);
    applyEvents(state, events);
    this.segments.push(segment);
    this.end = state;
    return state.tables.commands.get(command.id)?.refs ?? [];
  }
}

/** An instance's view of the log. */
export class ModelEngine implements QueueEngine {
  state: State;
  readonly policy: Policy;
  readonly journal;
  readonly #log: ModelLog;
  readonly #process: Process;
  readonly #chance: Chance;
  readonly #listeners = new Set<SegmentListener>();

  constructor(log: ModelLog, process: Process, chance: Chance) {
    this.#log = log;
    this.#process = process;
    this.#chance = chance;
    this.state = log.end;
    this.policy = log.policy;
    this.journal = {
      journal_id: 'journal-1',
      status: { writable: true },
      now: () => Math.floor(log.world.now_ms),
      catchUp: async () => {
        await this.#wait(chance.between(1, 50));
        this.read();
      },
    };
    this.#follow();
  }

  subscribe(listener: SegmentListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async submit(command: Command): Promise<Outcome> {
    const { world, unknown } = this.#log;
    const fate = this.#chance.happens(unknown) ? this.#chance.pick(['lost', 'unreported'] as const) : 'reported';
    const written = new Promise<Outcome>((resolve, reject) => {
      world.after(this.#chance.between(5, 100), fate === 'unreported' ? null : this.#process, () => {
        if (fate === 'lost') return reject(new Error('outcome unknown'));
        try {
          const outcome = this.#log.commit(command);
          if (fate === 'unreported') reject(new Error('outcome unknown'));
          else {
            this.read(outcome.seq);
            resolve(outcome);
          }
        } catch (error) {
          reject(error);
        }
      });
    });
    return written;
  }

  /** Applies what is new; `own`: the segment that this instance wrote. */
  read(own = 0): void {
    const { segments } = this.#log;
    while (this.state.seq < segments.length) {
      const segment = segments[this.state.seq]!;
      const state = this.state.clone();
      beginSegment(state, segment.seq, segment.at_ms);
      applyEvents(state, segment.events);
      this.state = state;
      for (const listener of this.#listeners) listener({ ...segment, own: segment.seq === own });
    }
  }

  #follow(): void {
    this.#log.world.after(this.#chance.between(300, this.#chance.pick([1_000, 5_000])), this.#process, () => {
      this.read();
      this.#follow();
    });
  }

  #wait(delay_ms: number): Promise<void> {
    return new Promise((resolve) => this.#log.world.after(delay_ms, this.#process, resolve));
  }
}
