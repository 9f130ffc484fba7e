/**
 * Receives messages for waiting claims, and messages that others put into the queue. Claims are served first come,
 * first served, by a few long polls that they share: a thousand idle workers cost no more requests than ten.
 *
 *     receive → ours: verdict of the fold → claimable: the next claim in line decides it in the journal
 *                                           held, over, ahead: kept hidden, deleted, hidden for a moment
 *             → of others: ingest
 *
 * While jobs wait and no worker that may have them does, nothing is received: each receive of a job's message counts toward the maximum of
 * the queue's redrive policy.
 */
import { backoff } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import { SortedMap } from '../sorted-map.ts';
import type { Outcome } from '../state-machine/decide/commands.ts';
import { verdictOn } from '../state-machine/decide/messages.ts';
import { claimableJobs, isStopping, messagesFor, stoppedIn, wouldGet } from './claims.ts';
import type { Holding } from './holding.ts';
import type { ClaimRequest } from './job-queue.ts';
import { type OwnMessage, readMessage } from './message.ts';
import { BATCH, batchesOf, type MessageQueue, type Received } from './message-queue.ts';
import type { QueueEngine } from './queue-engine.ts';
import type { QueueTrouble } from './trouble.ts';

export type ReceiverOptions = {
  engine: QueueEngine;
  port: MessageQueue;
  clock: Clock;
  trouble: QueueTrouble;
  holding: Pick<Holding, 'add'>;
  hidden_ms: number;
  /** A receive that began at this log time found nothing. */
  foundNothing: (began_ms: number) => void;
  /** Takes a message of another system. */
  ingest: (message: Received) => Promise<void>;
  /** A message about a job of another monitor. */
  stray: (message_id: string, journal_id: string) => void;
};

type Waiter = {
  request: ClaimRequest;
  place: number;
  /** Does not wait: one receive that began after it came decides. */
  impatient: boolean;
  until_ms: number;
  /** The result is no longer needed. */
  gone: boolean;
  resolve: (refs: Outcome['refs']) => void;
  reject: (error: unknown) => void;
};

type Poll = { max: number; short: boolean };

const LONG_POLLS_MAX = 4;
const LONG_SECONDS = 20;
/** A shorter one may find nothing although there are messages: SQS queries only some of its servers. */
const SHORT_SECONDS = 1;
/** How long a message about a later state than this fold stays hidden. */
const AHEAD_SECONDS = 5;
/** How long a message stays hidden whose job is not for those who wait. */
const OTHERS_SECONDS = 5;
const RETRY = { base_ms: 1_000, max_ms: 30_000 };

export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #line = new SortedMap<number, Waiter>();
  readonly #claiming = new Set<Waiter>();
  readonly #polls = new Set<Poll>();
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  readonly #unsubscribe: () => void;
  #places = 0;
  #failures = 0;
  /** No receive before this, by the monotonic clock. */
  #paused = false;
  #started = false;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    const { engine } = options;
    this.#unsubscribe = engine.subscribe((segment) => {
      const stopped = stoppedIn(engine.state, segment);
      if (stopped) this.#dismiss(({ request }) => stopped(request.worker_id));
      this.#fill();
    });
  }

  start(): void {
    this.#started = true;
    this.#fill();
  }

  next(request: ClaimRequest): Promise<Outcome['refs']> {
    const { engine, clock } = this.#options;
    return new Promise((resolve, reject) => {
      const { signal, wait_ms, worker_id } = request;
      const serves = this.#started && !this.#closing.signal.aborted;
      if (!serves || signal?.aborted || isStopping(engine.state, worker_id)) return resolve([]);
      const settle =
        <T>(settled: (value: T) => void) =>
        (value: T) => {
          cancel();
          signal?.removeEventListener('abort', leave);
          settled(value);
        };
      const waiter: Waiter = {
        request,
        place: ++this.#places,
        impatient: wait_ms <= 0,
        until_ms: clock.monotonic() + wait_ms,
        gone: false,
        resolve: settle(resolve),
        reject: settle(reject),
      };
      const leave = () => this.#dismiss((other) => other === waiter);
      const cancel = waiter.impatient ? () => {} : clock.after(wait_ms, leave);
      signal?.addEventListener('abort', leave);
      this.#line.set(waiter.place, waiter);
      this.#fill();
    });
  }

  /**
   * Resolves every waiting claim. A receive under way is abandoned: its messages reappear when they are no longer
   * hidden.
   */
  close(): void {
    this.#closing.abort();
    this.#unsubscribe();
    this.#dismiss(() => true);
  }

  /** Waits for requests under way. */
  async stop(): Promise<void> {
    this.close();
    await Promise.all(this.#running);
  }

  /** A claim under way resolves with its result: the jobs may have been handed out already. */
  #dismiss(leaves: (waiter: Waiter) => boolean): void {
    for (const waiter of this.#claiming) if (leaves(waiter)) waiter.gone = true;
    for (const waiter of this.#line.clone().values()) if (leaves(waiter)) this.#leave(waiter);
  }

  #leave(waiter: Waiter): void {
    this.#line.delete(waiter.place);
    waiter.resolve([]);
  }

  /** Begins the receives that the line needs. */
  #fill(): void {
    if (!this.#started || this.#paused || this.#closing.signal.aborted) return;
    const polls = [...this.#polls];
    const long = polls.filter(({ short }) => !short);
    let requested = long.reduce((sum, { max }) => sum + max, 0);
    let wanted = 0;
    let patient_ms = 0;
    let impatient = false;
    for (const waiter of this.#line.clone().values()) {
      const { request, impatient: now, until_ms } = waiter;
      if (!this.#isServed(waiter)) {
        if (now) this.#leave(waiter);
        continue;
      }
      wanted += request.max_jobs;
      if (now) impatient = true;
      else patient_ms = Math.max(patient_ms, until_ms - this.#options.clock.monotonic());
      if (wanted >= BATCH * LONG_POLLS_MAX) break;
    }
    if (impatient && polls.every(({ short }) => !short))
      this.#begin({ max: Math.min(BATCH, wanted), short: true }, SHORT_SECONDS);
    const seconds = Math.min(LONG_SECONDS, Math.max(SHORT_SECONDS, Math.ceil(patient_ms / 1000)));
    for (let count = long.length; patient_ms > 0 && count < LONG_POLLS_MAX && requested < wanted; count += 1) {
      const max = Math.min(BATCH, wanted - requested);
      requested += max;
      this.#begin({ max, short: false }, seconds);
    }
    const idle = this.#polls.size === 0 && this.#line.size === 0 && this.#claiming.size === 0;
    if (idle && claimableJobs(this.#options.engine.state) === 0)
      this.#begin({ max: BATCH, short: false }, LONG_SECONDS);
  }

  /** Whether there may be a job for it: not if all that wait are for other workers. */
  #isServed({ request }: Waiter): boolean {
    const { engine } = this.#options;
    return claimableJobs(engine.state) === 0 || wouldGet(engine, request.worker_id);
  }

  #begin(poll: Poll, wait_seconds: number): void {
    this.#polls.add(poll);
    this.#run(this.#poll(poll, wait_seconds));
  }

  #run(task: Promise<unknown>): void {
    const running: Promise<unknown> = task.finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #poll(poll: Poll, wait_seconds: number): Promise<void> {
    const { port, engine, trouble, hidden_ms, foundNothing } = this.#options;
    const { signal } = this.#closing;
    const began_ms = engine.journal.now();
    const newest = this.#places;
    const hidden_seconds = Math.ceil(hidden_ms / 1000);
    const messages = await trouble.attempt('receiving', () =>
      port.receive({ max: poll.max, wait_seconds, hidden_seconds, signal }).catch((error) => {
        if (signal.aborted) return [];
        throw error;
      }),
    );
    this.#polls.delete(poll);
    if (signal.aborted && !messages?.length) return;
    if (messages?.length === 0) foundNothing(began_ms);
    if (messages) await this.#take(messages);
    if (poll.short) this.#resolveImpatient(newest);
    if (messages) this.#failures = 0;
    else this.#pause();
    this.#fill();
  }

  /** Resolves the claims that do not wait and came before the receive began. */
  #resolveImpatient(newest: number): void {
    for (const waiter of this.#line.clone().values()) {
      if (waiter.impatient && waiter.place <= newest) this.#leave(waiter);
    }
  }

  #pause(): void {
    this.#paused = true;
    const delay_ms = backoff(this.#failures, RETRY);
    this.#failures += 1;
    this.#options.clock.after(delay_ms, () => {
      this.#paused = false;
      this.#fill();
    });
    for (const waiter of this.#line.clone().values()) if (waiter.impatient) this.#leave(waiter);
  }

  async #take(messages: readonly Received[]): Promise<void> {
    const { engine, ingest, stray } = this.#options;
    const own: OwnMessage[] = [];
    for (const message of messages) {
      const read = readMessage(message, engine.journal.journal_id);
      if ('own' in read) own.push(read.own);
      else if ('foreign' in read) this.#run(ingest(read.foreign));
      else stray(message.message_id, read.of_journal);
    }
    const behind = own.some((message) => verdictOn(engine.state, message) === 'ahead');
    if (behind) await engine.journal.catchUp().catch(() => undefined);
    this.#distribute(this.#sort(own));
  }

  /** Handles each message according to the fold. Returns the claimable ones. */
  #sort(messages: readonly OwnMessage[]): OwnMessage[] {
    const { engine, port, trouble, holding } = this.#options;
    const ready: OwnMessage[] = [];
    // A set: a response may have a message twice, and a batch that names a receipt twice is refused by moto, at least.
    const over = new Set<string>();
    const ahead: OwnMessage[] = [];
    for (const message of messages) {
      const verdict = verdictOn(engine.state, message);
      if (verdict === 'claimable') ready.push(message);
      else if (verdict === 'held') holding.add(message);
      else if (verdict === 'over') over.add(message.receipt);
      else ahead.push(message);
    }
    for (const batch of batchesOf([...over]))
      this.#run(trouble.attempt('deleting', () => port.delete(batch).then(() => true)));
    this.#hide(ahead, AHEAD_SECONDS);
    return ready;
  }

  #distribute(ready: OwnMessage[]): void {
    let left = ready;
    for (const waiter of this.#line.clone().values()) {
      if (left.length === 0) return;
      const own = messagesFor(this.#options.engine, waiter.request, left);
      if (own.length === 0) continue;
      this.#line.delete(waiter.place);
      this.#run(this.#claim(waiter, own));
      left = left.filter((message) => !own.includes(message));
    }
    // Who still waits may not have them. Visible at once, they would be received by the same again.
    this.#hide(left, this.#line.size > 0 ? OTHERS_SECONDS : 0);
  }

  async #claim(waiter: Waiter, messages: readonly OwnMessage[]): Promise<void> {
    this.#claiming.add(waiter);
    try {
      const { refs } = await waiter.request.claim(messages.map(({ receipt: _, ...message }) => message));
      if (refs.length > 0 || waiter.gone || waiter.impatient) waiter.resolve(refs);
      else this.#line.set(waiter.place, waiter);
    } catch (error) {
      waiter.reject(error);
    }
    this.#claiming.delete(waiter);
    // Not all were assigned to the worker: another instance may have been faster, or the worker is stopping.
    this.#hide(this.#sort(messages), 0);
    this.#fill();
  }

  #hide(messages: readonly OwnMessage[], seconds: number): void {
    const { port, trouble } = this.#options;
    for (const batch of batchesOf(
      [...new Set(messages.map(({ receipt }) => receipt))].map((receipt) => ({ receipt, seconds })),
    )) {
      this.#run(trouble.attempt('hiding', () => port.hide(batch)));
    }
  }
}
