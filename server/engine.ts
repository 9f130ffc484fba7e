/**
 * The engine: the path of a command from submission to its outcome, and the fold that everything else reads.
 *
 *     submit → (waits in the journal) → draft: decide, apply on a copy → put → adopt: the copy is the fold → resolve
 *
 * `state` is always the fold of what is in the journal, never of a segment that is still being written. Subscribers
 * receive each segment after it has been applied, in order.
 */
import { formatTime } from '../protocol/time.ts';
import type { Clock } from './clock.ts';
import { CommitPace } from './commit-pace.ts';
import { JournalError } from './journal/errors.ts';
import { Journal, type JournalOptions } from './journal/journal.ts';
import type { Draft, ReplayedSegment, Replica, Slot } from './journal/replica.ts';
import { applyEvents, beginSegment, eventId, isRemembered } from './state-machine/apply/apply.ts';
import { type Command, mergeBeats, type Outcome, progressKey, softKey } from './state-machine/decide/commands.ts';
import { decide } from './state-machine/decide/decide.ts';
import type { Context, Decision, Refusal } from './state-machine/decide/decision.ts';
import type { Policy } from './state-machine/decide/policy.ts';
import type { JournalEvent } from './state-machine/events.ts';
import type { JobRecord } from './state-machine/state/records.ts';
import { restore, snapshotRows } from './state-machine/state/snapshot.ts';
import { State } from './state-machine/state/state.ts';

/** `lines`: the events as they were written. */
export type AppliedSegment = {
  seq: number;
  at_ms: number;
  events: readonly JournalEvent[];
  lines: readonly string[];
  /** This instance wrote it. */
  own: boolean;
};

/** `null`: the fold was replaced by that of a snapshot, and the events in between were skipped. */
export type SegmentListener = (segment: AppliedSegment | null) => void;

/** An accepted progress report, as the event that the journal will contain unless a newer one replaces it. */
export type ReportListener = (event: JournalEvent) => void;

/** The state does not permit the command. */
export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.name = 'Refused';
    this.refusal = refusal;
  }
}

type Proposal = {
  command: Command;
  /** Log time when it was submitted; Infinity for a soft one, which may be late. */
  submitted_ms: number;
  resolve: (outcome: Outcome) => void;
  reject: (error: Error) => void;
};

/** The engine's own timeout comes after the journal's, whose errors say more. */
const GUARD_MS = 2_000;
/**
 * A command that has waited for longer is not written: this process was suspended. Its caller may have repeated it at another
 * instance, and by the time of the wake-up that may be forgotten, so that it would take effect twice.
 */
const WAITING_MAX_MS = 60_000;

export class Engine implements Replica<Proposal> {
  #policy: Policy;
  readonly #clock: Clock;
  readonly #outcome_unknown_ms: number;
  readonly #log: JournalOptions['log'];
  readonly #pace: CommitPace;
  readonly #listeners = new Set<SegmentListener>();
  readonly #report_listeners = new Set<ReportListener>();
  #state = new State();
  #journal!: Journal<Proposal>;

  /** Recovers the fold from the journal, then accepts commands. */
  static async open(options: JournalOptions & { policy: Policy }): Promise<Engine> {
    const engine = new Engine(options);
    const onCommit: JournalOptions['onCommit'] = (commit) => {
      engine.#pace.add(commit.duration_ms);
      options.onCommit?.(commit);
    };
    engine.#journal = await Journal.open({ ...options, onCommit }, engine);
    return engine;
  }

  private constructor({ policy, clock, outcome_unknown_ms, log }: JournalOptions & { policy: Policy }) {
    this.#policy = policy;
    this.#clock = clock;
    this.#pace = new CommitPace(clock);
    this.#outcome_unknown_ms = outcome_unknown_ms;
    this.#log = log;
  }

  get state(): State {
    return this.#state;
  }

  get journal(): Pick<
    Journal<Proposal>,
    'status' | 'head' | 'journal_id' | 'now' | 'unread_ms' | 'snapshot' | 'mark' | 'truncate' | 'catchUp'
  > {
    return this.#journal;
  }

  get policy(): Policy {
    return this.#policy;
  }

  /** Changes settings while running. They hold for the next decision. */
  changePolicy(changes: Partial<Policy>): void {
    this.#policy = { ...this.#policy, ...changes };
  }

  /** Median duration of the commits of the last minute; null if there were none. */
  get commit_seconds(): number | null {
    return this.#pace.median_seconds;
  }

  /**
   * Resolves once the command is in the journal. Rejects with Refused, or with JournalError if the outcome is unknown.
   */
  submit(command: Command): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const guard = this.#clock.after(this.#outcome_unknown_ms + GUARD_MS, () =>
        reject(
          new JournalError('outcome_unknown', 'the store did not respond in time; the command may have been written'),
        ),
      );
      const settled =
        <T>(settle: (value: T) => void) =>
        (value: T) => {
          guard();
          settle(value);
        };
      const submitted_ms = this.#journal.now();
      this.#journal.propose({ command, submitted_ms, resolve: settled(resolve), reject: settled(reject) });
    });
  }

  /**
   * Accepts progress or a heartbeat. It is written with the next segment, and lost in a crash before that. A pending
   * heartbeat of the same worker is merged with it, and a pending report on the same job is replaced. Returns the
   * command that is pending now.
   */
  submitSoft(command: Command): Command {
    const key = softKey(command.body);
    if (key === null) throw new Error(`${command.body.type} is durable`);
    const proposal: Proposal = { command, submitted_ms: Infinity, resolve: ignore, reject: ignore };
    // Only heartbeats are merged: reading a pending proposal, which has left the processor's caches, is not free.
    const merge = command.body.type === 'beat' ? mergeProposals : null;
    const accepted = this.#journal.proposeSoft(key, proposal, merge);
    if (accepted && this.#report_listeners.size > 0) this.#notifyReport(command);
    return proposal.command;
  }

  /** The job with its pending progress report applied, and the report's id; null if no report is pending. */
  reported(job_id: string): { job: JobRecord; report_id: string } | null {
    const command = this.#journal.pendingSoft(progressKey(job_id))?.command;
    if (!command) return null;
    const state = this.#state.clone();
    beginSegment(state, state.seq, this.#journal.now());
    const { events = [] } = this.#decide(state, command, { at_ms: state.at_ms, policy: this.#policy });
    applyEvents(
      state,
      events.map((event, index) => ({ id: eventId(command.id, '', index), at: '', actor: command.actor, ...event })),
    );
    const job = state.job(job_id);
    return job && events.length > 0 ? { job, report_id: command.id } : null;
  }

  /** Calls `listener` for every segment from now on. Returns a function that unsubscribes. */
  subscribe(listener: SegmentListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls the listener with every progress report that this instance accepts, before it is in the journal. Returns a function that unsubscribes. */
  onReport(listener: ReportListener): () => void {
    this.#report_listeners.add(listener);
    return () => this.#report_listeners.delete(listener);
  }

  /** The events of a segment that was applied before; null if it has been truncated. */
  async eventsOf(seq: number): Promise<readonly JournalEvent[] | null> {
    const lines = await this.#journal.read(seq);
    return lines?.map((line) => JSON.parse(line) as JournalEvent) ?? null;
  }

  /** Resolves to true once the fold has reached `seq`, or to false after `wait_ms`. */
  async reached(seq: number, wait_ms: number): Promise<boolean> {
    if (this.#state.seq >= seq) return true;
    void this.#journal.catchUp();
    return new Promise((resolve) => {
      const end = (reached: boolean) => {
        cancel();
        unsubscribe();
        resolve(reached);
      };
      const cancel = this.#clock.after(wait_ms, () => end(false));
      const unsubscribe = this.subscribe(() => {
        if (this.#state.seq >= seq) end(true);
      });
    });
  }

  stop(): Promise<void> {
    return this.#journal.stop();
  }

  /** Stops as a crash would. For tests. */
  abandon(): void {
    this.#journal.abandon();
  }

  draft(proposals: readonly Proposal[], slot: Slot): Draft {
    const state = this.#state.clone();
    beginSegment(state, slot.seq, slot.at_ms);
    const at = formatTime(state.at_ms);
    const context = { at_ms: state.at_ms, policy: this.#policy };
    const lines: string[] = [];
    const events: JournalEvent[] = [];
    const outcomes: (() => void)[] = [];
    /** An upper bound. */
    let bytes = 0;
    let taken = 0;
    let needs_tail = false;
    for (const { command, submitted_ms, resolve, reject } of proposals) {
      if (slot.at_ms - submitted_ms > WAITING_MAX_MS) {
        outcomes.push(() =>
          reject(new JournalError('outcome_unknown', 'the monitor was suspended; nothing was written')),
        );
        taken += 1;
        continue;
      }
      const decision = this.#decide(state, command, context);
      if (decision.refusal) {
        const { refusal } = decision;
        needs_tail = true;
        outcomes.push(() => reject(new Refused(refusal)));
      } else if (decision.refs) {
        const { refs } = decision;
        outcomes.push(() => resolve({ seq: this.#state.seq, refs, replayed: true }));
      } else {
        const { id, fingerprint, actor } = command;
        // "Nothing to do" is only true at the end of the log. Claims are exempt: they are repeated anyway, and often.
        needs_tail ||= decision.events.length === 0 && isRemembered(id) && command.body.type !== 'claim_jobs';
        const decided = decision.events.map(({ type, entity, data }, index) => {
          const event = { id: eventId(id, fingerprint, index), type, at, actor, entity, data } as JournalEvent;
          return index === 0 && command.origin !== undefined ? { ...event, origin: command.origin } : event;
        });
        const written = decided.map((event) => JSON.stringify(event));
        let size = bytesAtMost(written);
        if (bytes + size > slot.bytes_max) {
          // Exact counts are needed only near the limit.
          bytes = bytesOf(lines);
          size = bytesOf(written);
          if (bytes + size > slot.bytes_max && taken > 0) break;
        }
        // Apply events as they will be read, so that the author's fold has nothing that JSON cannot represent.
        const named = decided.map((event, i) =>
          isPlain(event.data) ? event : (JSON.parse(written[i]!) as JournalEvent),
        );
        applyEvents(state, named);
        bytes += size;
        lines.push(...written);
        events.push(...named);
        const refs = state.tables.commands.get(id)?.refs ?? [];
        const refused = decision.refused?.length ? { refused: decision.refused } : {};
        outcomes.push(() => resolve({ seq: this.#state.seq, refs, replayed: false, ...refused }));
      }
      taken += 1;
    }
    return {
      taken,
      lines,
      needs_tail,
      adopt: () => {
        if (events.length > 0) {
          this.#state = state;
          this.#notify({ seq: slot.seq, at_ms: state.at_ms, events, lines, own: true });
        }
        for (const settle of outcomes) settle();
      },
    };
  }

  /** A bug in one decision must not stop the log: it becomes the refusal of that command alone. */
  #decide(state: State, command: Command, context: Context): Decision {
    try {
      return decide(state, command, context);
    } catch (error) {
      const message = `deciding ${command.body.type} failed: ${describe(error)}`;
      return { refusal: { kind: 'internal', code: 'decision_failed', message } };
    }
  }

  replay({ seq, at_ms, lines }: ReplayedSegment): void {
    const state = this.#state.clone();
    const events = lines.map((line) => JSON.parse(line) as JournalEvent);
    beginSegment(state, seq, at_ms);
    applyEvents(state, events);
    this.#state = state;
    this.#notify({ seq, at_ms: state.at_ms, events, lines, own: false });
  }

  rows(): Iterable<string> {
    return snapshotRows(this.#state.clone());
  }

  restore(rows: Iterable<string>): void {
    this.#state = restore(rows);
    this.#notify(null);
  }

  reset(): void {
    this.#state = new State();
    this.#notify(null);
  }

  fail({ reject }: Proposal, error: Error): void {
    reject(error);
  }

  #notifyReport(command: Command): void {
    if (command.body.type !== 'report_progress') return;
    const at_ms = this.#journal.now();
    const { events = [] } = this.#decide(this.#state, command, { at_ms, policy: this.#policy });
    for (const event of events) {
      const report = { id: command.id, at: formatTime(at_ms), actor: command.actor, ...event } as JournalEvent;
      for (const listener of this.#report_listeners) this.#guard(() => listener(report));
    }
  }

  /** An error in one subscriber undoes nothing and does not affect the others. */
  #notify(segment: AppliedSegment | null): void {
    for (const listener of this.#listeners) this.#guard(() => listener(segment));
  }

  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#log('error', `a subscriber failed at segment ${this.#state.seq}: ${describe(error)}`);
    }
  }
}

function ignore(): void {}

function mergeProposals(waiting: Proposal, next: Proposal): Proposal {
  next.command = mergeBeats(waiting.command, next.command);
  return next;
}

/** Whether `data` survives JSON unchanged: it has no arrays, no class instances, no undefined, no -0 and no NaN. */
function isPlain(data: unknown): boolean {
  if (typeof data !== 'object' || data === null || Object.getPrototypeOf(data) !== Object.prototype) return false;
  for (const value of Object.values(data)) {
    if (typeof value === 'string' || typeof value === 'boolean' || value === null) continue;
    if (typeof value === 'number' ? !Number.isFinite(value) || Object.is(value, -0) : !isPlain(value)) return false;
  }
  return true;
}

/** Size of the lines in a segment. */
function bytesOf(lines: readonly string[]): number {
  return lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
}

/** Upper bound of `bytesOf`: a UTF-16 code unit takes at most three bytes. */
function bytesAtMost(lines: readonly string[]): number {
  return lines.reduce((sum, { length }) => sum + 3 * length + 1, 0);
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
