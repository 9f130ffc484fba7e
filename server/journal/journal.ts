/**
 * The journal: a totally ordered log on put-if-absent, with group commit. Proposals go in, segments come out.
 *
 * One put at a time: proposals that arrive while segment n is being written wait and become segment n+1. A proposal
 * resolves when its segment is in the store. If another instance wrote n first, the proposal is decided again after it.
 *
 *     idle → drafting → placing → (ours) adopted, resolved → idle
 *                          ├ (another's)   replay, draft again
 *                          ├ (no response) send the same bytes until there is one; callers get `outcome_unknown`
 *                          └ (refused)     callers get `refused`
 *
 * trouble.ts decides what failures of the store mean for later writes, snapshotting.ts when a snapshot is due. Two
 * instances on one store are safe by put-if-absent alone. The header of each segment has its author's URL, so that a
 * preferred committer could be added in #commitSome, before #place.
 */
import { backoff } from '../backoff.ts';
import { type Clock, type Random, sleep } from '../clock.ts';
import type { ObjectStore } from '../objects/store.ts';
import { StoreError } from '../objects/store.ts';
import { Chain, type Head } from './chain.ts';
import { isCorrupt, JournalError, type Problem } from './errors.ts';
import { createFormat, identify } from './format.ts';
import { HEAD_KEY, segmentKey } from './keys.ts';
import { LastProof } from './last-proof.ts';
import { type LogClock, SharedLogClock, SteadyLogClock } from './log-clock.ts';
import { PastSegments } from './past-segments.ts';
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
  /** Name of this instance, for the headers of its segments. */
  instance: string;
  url: string;
  /** Returns a globally unique id. */
  newId: () => string;
  soft_linger_ms: number;
  outcome_unknown_ms: number;
  retention_ms: number;
  snapshot_segments: number;
  snapshot_bytes: number;
  snapshot_ms: number;
  /** Interval between reads of other instances' segments while idle; null if the store is locked for this instance. */
  tail_poll_ms: number | null;
  /** Objects outside the journal that prove how far it reached. */
  traces?: TraceKeys;
  /** Called after each commit of this instance. `duration_ms`: from the first put until the segment is in the journal. */
  onCommit?: (commit: { duration_ms: number; events: number; bytes: number }) => void;
  log: (level: 'info' | 'warn' | 'error', message: string) => void;
};

export type JournalStatus = {
  seq: number;
  writable: boolean;
  /** Why the journal is not writable, as a message for the owner. */
  problem: string | null;
  /** The objects that are damaged or missing; empty unless halted. */
  problems: readonly Problem[];
  halted: boolean;
  /** How far log time is ahead of this machine's clock, which was set while running or is behind the journal. */
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
  #past!: PastSegments;
  #proof!: LastProof;
  #snapshotting!: Snapshotting;
  #journal_id = '';
  /** The segment in the last head mark. */
  #marked_seq = 0;
  #loop: Promise<void> = Promise.resolve();
  #abandoned = false;
  /** A segment of ours may exist after the head: read on before the next decision. */
  #behind = false;

  /**
   * Recovers to the tail, then starts committing. Throws JournalError if the store cannot be read or has no journal of
   * ours.
   */
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

  /**
   * For how long other instances may have written without this one having read it. It grows while this process is
   * suspended or the store is out of reach; 0 for an instance that is alone on its store.
   */
  get unread_ms(): number {
    return this.#sole ? 0 : this.#proof.age_ms;
  }

  /** Current log time: the time of the next segment. */
  now(): number {
    return Math.max(this.#chain.head.at_ms, this.#logClock.now());
  }

  /** Adds a durable proposal; the replica resolves it once it is in the journal. */
  propose(proposal: P): void {
    const refusal = this.#rejection();
    if (refusal) this.#replica.fail(proposal, refusal);
    else this.#waiting.add(proposal);
  }

  /**
   * Adds a soft proposal, written with the next segment or after the linger. Merges with or replaces a pending one of
   * the same key. Returns false if it was rejected.
   */
  proposeSoft(key: string, proposal: P, merge: ((waiting: P, next: P) => P) | null = null): boolean {
    const refusal = this.#rejection();
    if (refusal) this.#replica.fail(proposal, refusal);
    else this.#waiting.addSoft(key, proposal, merge);
    return refusal === null;
  }

  /** The latest soft proposal of a key that is not in the journal yet. */
  pendingSoft(key: string): P | undefined {
    return this.#waiting.pendingSoft(key);
  }

  /** The lines of a segment up to the head; null if it has been truncated. Throws JournalError. */
  async read(seq: number): Promise<readonly string[] | null> {
    return this.#past.lines(seq);
  }

  /**
   * Resolves once everything that other instances wrote before this call is applied, or reading it has failed. An
   * instance that is alone on its store has nothing to read.
   */
  async catchUp(): Promise<void> {
    if (!this.#sole || this.#behind) await this.#waiting.visit();
  }

  /** Rejects new proposals, commits the pending ones, then stops. */
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
      this.#options.log('warn', `${HEAD_KEY} was not written: ${error.message}`),
    );
  }

  /** Stops at once, as a crash would: pending proposals are lost and never settle. For tests. */
  abandon(): void {
    this.#abandoned = true;
    this.#stopping.abort();
    this.#waiting.close();
  }

  /**
   * Deletes segments up to `through_seq` that a verified snapshot covers and that are older than the retention. Returns
   * their number.
   */
  async truncate(through_seq?: number): Promise<number> {
    const { store, retention_ms, clock } = this.#options;
    return truncate(store, this.#journal_id, retention_ms, clock, through_seq);
  }

  /** Writes a snapshot of the current state while commits continue. */
  async snapshot(): Promise<void> {
    await this.#snapshotting.write();
  }

  /** Writes a mark of how far the journal reaches, so that a later start notices lost segments. Throws StoreError. */
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
        begins: (cause) => this.#storeSilent(cause),
        ends: () => this.#trouble.readSucceeded(),
      },
    });
    const traces = await patience.run(() => readTraces(store, traceKeys));
    this.#marked_seq = traces.find(({ key }) => key === HEAD_KEY)?.seq ?? 0;
    const identity = await patience.run(() => identify(store, { traces, traceKeys }));
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
    this.#past = new PastSegments({
      get: (key) => this.#chain.get(key),
      head: () => this.#chain.head,
      journal_id: this.#journal_id,
    });
    if (identity?.problem) this.#trouble.halt(identity.problem);
    this.#proof = new LastProof(clock);
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
        this.#trouble.handle(error);
        // Visitors continue with the known state, which is marked stale from here on.
        if (this.#trouble.error) this.#waiting.releaseVisitors();
      }
    }
  }

  /** Runs a call that proves the tail as of its start, and releases the visitors from before it. */
  async #proveTail<T>(prove: () => Promise<T>): Promise<T> {
    const began = this.#proof.now();
    const result = await this.#waiting.visited(prove);
    this.#proof.proved(began);
    return result;
  }

  /** Reads on to the tail and releases the visitors. Returns the number of segments read. */
  async #readOn(): Promise<number> {
    return this.#proveTail(async () => {
      if (this.#trouble.halted || (this.#sole && !this.#behind)) return 0;
      const read = await this.#chain.drain();
      this.#behind = false;
      return read;
    });
  }

  /** Commits all pending proposals. */
  async #commit(): Promise<void> {
    const proposals = this.#waiting.take();
    let left: readonly P[] = proposals;
    try {
      while (left.length > 0) left = left.slice(await this.#commitSome(left));
    } catch (error) {
      if (!this.#abandoned) for (const proposal of left) this.#replica.fail(proposal, asFailure(error));
      throw error;
    } finally {
      this.#waiting.settled();
    }
  }

  /** Commits one segment. Returns the number of proposals in it. */
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
        // A stream of proposals that write nothing must not keep visitors waiting.
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
      // Either result of this put proves the tail for earlier visitors: if it was created, there was nothing to read.
      const batch = { seq: head.seq + 1, batch_id, at_ms, encoded, taken };
      if (await this.#proveTail(() => this.#place(batch, draft))) return draft.taken;
    }
  }

  /**
   * Puts the segment until the outcome is known. True: ours was written and adopted. False: another's, which was
   * replayed.
   */
  async #place(batch: Batch<P>, draft: Draft): Promise<boolean> {
    const { store, clock, random, outcome_unknown_ms } = this.#options;
    const { signal } = this.#stopping;
    const key = segmentKey(batch.seq);
    const began_ms = clock.monotonic();
    let unanswered = false;
    for (let attempt = 0; ; attempt++) {
      let result: { created: boolean; server_ms: number } | StoreError;
      try {
        result = await store.putIfAbsent(key, batch.encoded.bytes);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        result = error;
      }
      if (signal.aborted) throw outcomeUnknown(isClosing());
      if (!(result instanceof StoreError)) {
        this.#trouble.putSucceeded();
        try {
          const ours = await (result.created
            ? this.#created(batch, draft, result.server_ms)
            : this.#lost(batch, draft));
          if (ours) {
            const { length: bytes } = batch.encoded.bytes;
            this.#options.onCommit?.({ duration_ms: clock.monotonic() - began_ms, events: draft.lines.length, bytes });
          }
          return ours;
        } catch (error) {
          // The read that verifies the outcome failed, not the put: the segment may exist.
          const open = error instanceof JournalError && (error.kind === 'refused' || error.kind === 'stopped');
          this.#behind = true;
          throw open ? outcomeUnknown(error) : error;
        }
      }
      if (result.code === 'store_unsafe') {
        // A segment may exist, ours or another's, so callers must not conclude that it was not written.
        this.#trouble.halt(new JournalError('corrupt', result.message, { hint: result.hint, cause: result }));
        throw outcomeUnknown(result);
      }
      if (result.kind === 'refused' && !unanswered) {
        throw this.#trouble.putRefused(key, result);
      }
      // From here on the segment may have been written, and only 200 or 412 proves the outcome.
      unanswered = true;
      const patience_ms = outcome_unknown_ms - (clock.monotonic() - began_ms);
      if (patience_ms <= 0) this.#failAsUnknown(batch, result);
      await sleep(clock, random.float() * backoff(attempt, STORE_RETRIES), signal);
      if (signal.aborted) throw outcomeUnknown(isClosing());
    }
  }

  async #created(batch: Batch<P>, draft: Draft, server_ms: number): Promise<boolean> {
    const { seq, at_ms, encoded } = batch;
    if (!(await this.#chain.trust(server_ms))) throw truncatedMeanwhile(seq);
    await this.#chain.assertCreatedLeadsOn({ seq, hash: encoded.hash });
    this.#adopted({ seq, hash: encoded.hash, at_ms, last_modified_ms: server_ms }, encoded, draft);
    return true;
  }

  /** The segment exists: from our own earlier put, or from another instance. */
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

  /** Rejects the batch and the pending proposals because the store does not respond. */
  #failAsUnknown(batch: Batch<P>, cause: StoreError): void {
    const unknown = outcomeUnknown(cause);
    for (const proposal of batch.taken) this.#replica.fail(proposal, unknown);
    this.#storeSilent(cause);
  }

  /** The store does not respond: stops accepting proposals, and rejects the pending ones, which were not written. */
  #storeSilent(cause: StoreError): void {
    const error = this.#trouble.silent(cause);
    if (!error) return;
    for (const proposal of this.#waiting.take()) this.#replica.fail(proposal, error);
    this.#waiting.settled();
  }

  #rejection(): JournalError | null {
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
  return new JournalError('outcome_unknown', 'the store did not respond in time; the command may have been written', {
    hint: 'Send the same request again with the same Idempotency-Key.',
    cause,
  });
}

function truncatedMeanwhile(seq: number): JournalError {
  return new JournalError(
    'outcome_unknown',
    `segment ${seq} was written and truncated while this instance was suspended; it has recovered from a snapshot`,
    { hint: 'Send the same request again with the same Idempotency-Key.' },
  );
}

function asFailure(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
