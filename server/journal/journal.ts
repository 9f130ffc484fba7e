/**
 * The journal: a totally ordered log on put-if-absent, with group commit. Proposals go in, segments come out.
 *
 * One put at a time, never two: while segment n is on its way, what arrives waits and becomes segment n+1. A proposal is
 * answered when its segment is in the store; if another instance wrote n first, the proposal is decided again after it.
 *
 *     idle → drafting → placing → (ours) adopted, answered → idle
 *                          ├ (another's) replay, draft again
 *                          ├ (no answer) send the same bytes until there is one; callers get `outcome_unknown`
 *                          └ (refused)   callers get `refused`
 *
 * What the store's failures mean for later writes is trouble.ts's; when a snapshot is due is snapshotting.ts's. Two
 * instances on one store are safe by put-if-absent alone. Each segment's header has its author's URL: a preferred committer,
 * to whom others forward their proposals, would be asked for in #commitSome, before #place.
 */
import { backoff } from '../backoff.ts';
import { type Clock, type Random, sleep } from '../clock.ts';
import type { ObjectStore } from '../objects/store.ts';
import { StoreError } from '../objects/store.ts';
import { Chain, type Head } from './chain.ts';
import { isCorrupt, JournalError, type Problem } from './errors.ts';
import { createFormat, identify } from './format.ts';
import { HEAD_KEY, segmentKey } from './keys.ts';
import { type LogClock, SharedLogClock, SteadyLogClock } from './log-clock.ts';
import { Patience, STORE_RETRIES } from './patience.ts';
import type { Draft, Replica } from './replica.ts';
import { decodeSegment, type EncodedSegment, encodeSegment, SEGMENT_BYTES_MAX } from './segment.ts';
import { Snapshotting } from './snapshotting.ts';
import { encodeHeadMark, findUse, NO_TRACES, readTraces, type TraceKeys } from './traces.ts';
import { REFUSED_PAUSE_MS, Trouble } from './trouble.ts';
import { truncate } from './truncation.ts';
import { WaitingLine } from './waiting-line.ts';

export type JournalOptions = {
  store: ObjectStore;
  clock: Clock;
  random: Random;
  /** Name and address of this instance, for the segments it writes. */
  instance: string;
  url: string;
  /** A name no other batch ever has. */
  newId: () => string;
  soft_linger_ms: number;
  outcome_unknown_ms: number;
  retention_ms: number;
  snapshot_segments: number;
  snapshot_bytes: number;
  snapshot_ms: number;
  /** How often to look for other instances' segments while idle; null where the store is locked for this one. */
  tail_poll_ms: number | null;
  /** What the owner keeps beside the journal that proves how far it reached. */
  traces?: TraceKeys;
  log: (level: 'info' | 'warn' | 'error', message: string) => void;
};

export type JournalStatus = {
  seq: number;
  writable: boolean;
  /** Why not, in words for the owner. */
  problem: string | null;
  /** The objects that are damaged or missing; empty unless halted. */
  problems: readonly Problem[];
  halted: boolean;
  /** How far log time is ahead of this machine's clock because that was set while it ran, or is behind the journal. */
  clock_offset_ms: number;
};

const TAIL_POLL_MAX = 10;

export class Journal<P> {
  readonly #options: JournalOptions;
  readonly #replica: Replica<P>;
  readonly #stopping = new AbortController();
  readonly #logClock: LogClock;
  readonly #waiting: WaitingLine<P>;
  readonly #trouble: Trouble;
  #chain!: Chain<P>;
  #snapshotting!: Snapshotting;
  #journal_id = '';
  /** The segment that the head's mark is of. */
  #marked_seq = 0;
  #loop: Promise<void> = Promise.resolve();
  #abandoned = false;
  /** A segment of ours may stand after the head: nothing is decided before it has been looked for. */
  #behind = false;

  /** Recovers to the tail, then begins to commit. Throws JournalError if the store cannot be read or holds no journal of ours. */
  static async open<P>(options: JournalOptions, replica: Replica<P>): Promise<Journal<P>> {
    const journal = new Journal(options, replica);
    await journal.#open();
    return journal;
  }

  private constructor(options: JournalOptions, replica: Replica<P>) {
    this.#options = options;
    this.#replica = replica;
    this.#logClock = this.#sole
      ? new SteadyLogClock(options.clock, (message) => options.log('warn', message))
      : new SharedLogClock(options.clock);
    this.#waiting = new WaitingLine(options.clock, options.soft_linger_ms);
    this.#trouble = new Trouble({ ...options, signal: this.#stopping.signal });
  }

  get status(): JournalStatus {
    return {
      seq: this.#chain.head.seq,
      writable: this.#trouble.error === null,
      problem: this.#trouble.error?.message ?? null,
      problems: this.#trouble.error?.problems ?? [],
      halted: this.#trouble.halted,
      clock_offset_ms: this.#logClock.offset_ms,
    };
  }

  get head(): Readonly<Head> {
    return this.#chain.head;
  }

  get journal_id(): string {
    return this.#journal_id;
  }

  /** Log time as of now: what the next segment would be stamped with. */
  now(): number {
    return Math.max(this.#chain.head.at_ms, this.#logClock.now());
  }

  /** Durable: the replica answers it once it is in the journal. */
  propose(proposal: P): void {
    const refusal = this.#cannotTake();
    if (refusal) this.#replica.fail(proposal, refusal);
    else this.#waiting.add(proposal);
  }

  /** Soft: rides along with the next segment, or goes after the linger. One that waits under the same key is merged, or else replaced. */
  proposeSoft(key: string, proposal: P, merge?: (waiting: P, next: P) => P): void {
    const refusal = this.#cannotTake();
    if (refusal) this.#replica.fail(proposal, refusal);
    else this.#waiting.addSoft(key, proposal, merge);
  }

  /** The lines of a segment up to the head; null where it has been truncated. Throws JournalError. */
  async read(seq: number): Promise<readonly string[] | null> {
    const got = await this.#chain.get(segmentKey(seq));
    return got.found ? decodeSegment(got.bytes, { journal_id: this.#journal_id, seq }).lines : null;
  }

  /**
   * Resolves once everything that other instances had written before this call is applied, or reading it has failed. An
   * instance that is alone on its store has nothing to read.
   */
  async catchUp(): Promise<void> {
    if (!this.#sole || this.#behind) await this.#waiting.visit();
  }

  /** Commits what waits, then ends. Nothing is taken in any more. */
  async stop(): Promise<void> {
    this.#waiting.close();
    const patience = this.#options.clock.after(this.#options.outcome_unknown_ms, () => this.#stopping.abort());
    await this.#loop;
    patience();
    this.#stopping.abort();
    for (const proposal of this.#waiting.take()) this.#replica.fail(proposal, isClosing());
    this.#waiting.releaseVisitors();
    await this.#snapshotting.settled();
    await this.mark().catch((error: Error) =>
      this.#options.log('warn', `${HEAD_KEY} is not written: ${error.message}`),
    );
  }

  /** Ends at once, as a crash would: what waits is lost, callers are not answered. For tests. */
  abandon(): void {
    this.#abandoned = true;
    this.#stopping.abort();
    this.#waiting.close();
  }

  /** Deletes segments that a verified snapshot covers and that are older than the retention. Answers how many. */
  async truncate(): Promise<number> {
    return truncate(this.#options.store, this.#journal_id, this.#options.retention_ms, this.#options.clock);
  }

  /** Writes a snapshot of the state as it is now, beside the commits. */
  async snapshot(): Promise<void> {
    await this.#snapshotting.write();
  }

  /** Leaves a mark of how far the journal reaches, by which a later start knows that segments were lost. Throws StoreError. */
  async mark(): Promise<void> {
    const { seq, hash, at_ms } = this.#chain.head;
    if (seq <= this.#marked_seq || this.#trouble.error) return;
    await this.#options.store.put(HEAD_KEY, encodeHeadMark({ journal_id: this.#journal_id, seq, hash, at: at_ms }));
    this.#marked_seq = seq;
  }

  /** No other instance writes to the store. */
  get #sole(): boolean {
    return this.#options.tail_poll_ms === null;
  }

  async #open(): Promise<void> {
    const { store, clock, random, retention_ms, log } = this.#options;
    const traceKeys = this.#options.traces ?? NO_TRACES;
    const patience = new Patience({
      clock,
      random,
      signal: this.#stopping.signal,
      silence: {
        after_ms: this.#options.outcome_unknown_ms,
        begins: (cause) => this.#unanswered(cause),
        ends: () => this.#trouble.readAnswered(),
      },
    });
    const traces = await patience.ask(() => readTraces(store, traceKeys));
    this.#marked_seq = traces.find(({ key }) => key === HEAD_KEY)?.seq ?? 0;
    const identity = await patience.ask(() => identify(store, { traces, traceKeys }));
    this.#journal_id = identity?.journal_id ?? (await createFormat(store, this.#options.newId()));
    this.#chain = new Chain({
      store,
      patience,
      logClock: this.#logClock,
      replica: this.#replica,
      journal_id: this.#journal_id,
      retention_ms,
      warn: (message) => log('warn', message),
    });
    if (identity?.problem) this.#trouble.halt(identity.problem);
    try {
      await this.#chain.recover(traces, () => findUse(store, traceKeys));
    } catch (error) {
      if (!isCorrupt(error)) throw error;
      this.#trouble.halt(error);
    }
    this.#logClock.startAt(this.#chain.head.at_ms);
    this.#snapshotting = new Snapshotting(
      {
        ...this.#options,
        journal_id: this.#journal_id,
        chain: this.#chain,
        replica: this.#replica,
        failed: (error) => this.#snapshotFailed(error),
      },
      this.#chain.head.seq - this.#chain.snapshot_seq,
    );
    this.#loop = this.#run();
  }

  async #run(): Promise<void> {
    const { tail_poll_ms } = this.#options;
    let idle = 0;
    for (;;) {
      const poll_ms = tail_poll_ms === null ? null : Math.min(tail_poll_ms * (1 + idle), tail_poll_ms * TAIL_POLL_MAX);
      const work = await this.#waiting.next(this.#behind ? REFUSED_PAUSE_MS : poll_ms);
      if (work === 'closed' || this.#stopping.signal.aborted) return;
      try {
        if (work === 'poll' || work === 'visit') {
          idle = (await this.#readOn()) > 0 ? 0 : idle + 1;
        } else {
          idle = 0;
          await this.#commit();
        }
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        this.#trouble.met(error);
        // Those who wait go on with what is known, which is marked stale from here on.
        if (this.#trouble.error) this.#waiting.releaseVisitors();
      }
    }
  }

  /** Reads on to the tail and lets go whoever waits for that; returns how many segments that were. */
  async #readOn(): Promise<number> {
    return this.#waiting.visited(async () => {
      if (this.#trouble.halted || (this.#sole && !this.#behind)) return 0;
      const read = await this.#chain.drain();
      this.#behind = false;
      return read;
    });
  }

  /** Takes what waits and sees it through. */
  async #commit(): Promise<void> {
    const proposals = this.#waiting.take();
    let left: readonly P[] = proposals;
    try {
      while (left.length > 0) left = left.slice(await this.#commitSome(left));
    } catch (error) {
      if (!this.#abandoned) for (const proposal of left) this.#replica.fail(proposal, asFailure(error));
      throw error;
    }
  }

  /** Commits one segment's worth; answers how many proposals that were. */
  async #commitSome(proposals: readonly P[]): Promise<number> {
    for (;;) {
      const refusal = this.#trouble.cannotWrite();
      if (refusal) throw refusal;
      if (this.#behind) await this.#readOn();
      const { head } = this.#chain;
      const at_ms = this.now();
      const draft = this.#replica.draft(proposals, { seq: head.seq + 1, at_ms, bytes_max: SEGMENT_BYTES_MAX - 4096 });
      if (draft.lines.length === 0) {
        const sole = this.#sole;
        if (draft.needs_tail && !sole && (await this.#chain.drain()) > 0) continue;
        // Proposals that write nothing may keep coming: visitors must not wait for their end.
        if (this.#waiting.hasVisitors && (await this.#readOn()) > 0) continue;
        draft.adopt();
        return draft.taken;
      }
      const batch_id = this.#options.newId();
      const encoded = encodeSegment(
        {
          journal_id: this.#journal_id,
          seq: head.seq + 1,
          prev: head.hash,
          batch_id,
          instance: this.#options.instance,
          url: this.#options.url,
          at: at_ms,
        },
        draft.lines,
      );
      const taken = proposals.slice(0, draft.taken);
      // Either answer to this put proves the tail for those who came before it: created, there was nothing to read.
      const batch = { seq: head.seq + 1, batch_id, at_ms, encoded, taken };
      if (await this.#waiting.visited(() => this.#place(batch, draft))) return draft.taken;
    }
  }

  /** Puts the segment until it is known whose the place is. True: ours, adopted. False: another's, replayed. */
  async #place(batch: Batch<P>, draft: Draft): Promise<boolean> {
    const { store, clock, random, outcome_unknown_ms } = this.#options;
    const { signal } = this.#stopping;
    const key = segmentKey(batch.seq);
    const began_ms = clock.monotonic();
    let unanswered = false;
    for (let attempt = 0; ; attempt++) {
      let answer: { created: boolean; server_ms: number } | StoreError;
      try {
        answer = await store.putIfAbsent(key, batch.encoded.bytes);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        answer = error;
      }
      if (signal.aborted) throw outcomeUnknown(isClosing());
      if (!(answer instanceof StoreError)) {
        this.#trouble.putAnswered();
        try {
          return await (answer.created ? this.#created(batch, draft, answer.server_ms) : this.#lost(batch, draft));
        } catch (error) {
          // What we asked to make sure of it was refused or given up, not the segment: that may stand.
          const open = error instanceof JournalError && (error.kind === 'refused' || error.kind === 'stopped');
          this.#behind = true;
          throw open ? outcomeUnknown(error) : error;
        }
      }
      if (answer.code === 'store_unsafe') {
        // The segment may stand, ours or another's, so callers must not conclude that it was not written.
        this.#trouble.halt(new JournalError('corrupt', answer.message, { hint: answer.hint, cause: answer }));
        throw outcomeUnknown(answer);
      }
      if (answer.kind === 'refused' && !unanswered) {
        throw this.#trouble.putRefused(key, answer);
      }
      // From here on it may have been written, whatever later tries answer: only 200 or 412 settles it.
      unanswered = true;
      const patience_ms = outcome_unknown_ms - (clock.monotonic() - began_ms);
      if (patience_ms <= 0) this.#giveUpAnswering(batch, answer);
      await sleep(clock, random.float() * backoff(attempt, STORE_RETRIES), signal);
      if (signal.aborted) throw outcomeUnknown(isClosing());
    }
  }

  async #created(batch: Batch<P>, draft: Draft, server_ms: number): Promise<boolean> {
    const { seq, at_ms, encoded } = batch;
    if (!(await this.#chain.trust(server_ms))) throw truncatedMeanwhile(seq);
    this.#chain.assertLedPastDamage();
    this.#adopted({ seq, hash: encoded.hash, at_ms, last_modified_ms: server_ms }, encoded, draft);
    return true;
  }

  /** The place is taken: by our own earlier try, or by another instance. */
  async #lost(batch: Batch<P>, draft: Draft): Promise<boolean> {
    const { seq, at_ms, encoded } = batch;
    const there = await this.#chain.get(segmentKey(seq));
    if (!(await this.#chain.trust(there.server_ms))) throw truncatedMeanwhile(seq);
    if (!there.found) return false;
    const segment = decodeSegment(there.bytes, { journal_id: this.#journal_id, seq });
    if (segment.header.batch_id === batch.batch_id) {
      this.#adopted({ seq, hash: encoded.hash, at_ms, last_modified_ms: there.last_modified_ms }, encoded, draft);
      return true;
    }
    this.#chain.replay(segment, there.last_modified_ms);
    await this.#chain.drain();
    return false;
  }

  #adopted(head: Head, encoded: EncodedSegment, draft: Draft): void {
    this.#chain.extend(head);
    draft.adopt();
    this.#snapshotting.appended(encoded.bytes.length);
  }

  /** Tells the callers of a batch, and those that wait behind it, that the store does not answer. */
  #giveUpAnswering(batch: Batch<P>, cause: StoreError): void {
    const unknown = outcomeUnknown(cause);
    for (const proposal of batch.taken) this.#replica.fail(proposal, unknown);
    this.#unanswered(cause);
  }

  /** The store does not answer: nothing more is accepted, and what waits was not written. */
  #unanswered(cause: StoreError): void {
    const error = this.#trouble.silent(cause);
    if (error) for (const proposal of this.#waiting.take()) this.#replica.fail(proposal, error);
  }

  #cannotTake(): JournalError | null {
    return this.#waiting.closed ? isClosing() : this.#trouble.cannotWrite();
  }

  #snapshotFailed(error: unknown): void {
    if (error instanceof JournalError && error.kind === 'corrupt') this.#trouble.halt(error);
    else this.#options.log('warn', `no snapshot was written: ${String(error)}`);
  }
}

type Batch<P> = { seq: number; batch_id: string; at_ms: number; encoded: EncodedSegment; taken: readonly P[] };

function isClosing(): JournalError {
  return new JournalError('stopped', 'this instance is closing');
}

function outcomeUnknown(cause: Error): JournalError {
  return new JournalError('outcome_unknown', 'the store did not answer in time; it may have been written', {
    hint: 'Send the same request again with the same Idempotency-Key.',
    cause,
  });
}

function truncatedMeanwhile(seq: number): JournalError {
  return new JournalError(
    'outcome_unknown',
    `segment ${seq} was written and truncated while this instance slept; it has recovered from a snapshot`,
    { hint: 'Send the same request again with the same Idempotency-Key.' },
  );
}

function asFailure(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
