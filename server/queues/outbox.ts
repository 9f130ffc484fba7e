/**
 * Sends a message for each job that may be claimed and has none for its turn. The messages to send follow from the
 * fold; the event JobMessaged records that one was sent. A crash between the two sends it again, and the duplicate is
 * deleted when it is received.
 *
 * The instance that wrote the job's event sends at once. The others wait: if nothing was recorded by then, they send.
 */
import { backoff } from '../backoff.ts';
import { type Clock, sleep } from '../clock.ts';
import { newUlid } from '../ids.ts';
import { UNREMEMBERED } from '../state-machine/apply/apply.ts';
import type { SentMessage } from '../state-machine/decide/commands.ts';
import { lacksMessage, messageOf } from '../state-machine/decide/messages.ts';
import { claimable } from '../state-machine/state/job-indexes.ts';
import { type JobRecord, running } from '../state-machine/state/records.ts';
import { messageAbout } from './message.ts';
import { batchesOf, type MessageQueue } from './message-queue.ts';
import type { QueueEngine } from './queue-engine.ts';
import type { QueueTrouble } from './trouble.ts';

export type OutboxOptions = {
  engine: QueueEngine;
  port: MessageQueue;
  clock: Clock;
  trouble: QueueTrouble;
  /** How long a message may be hidden from a receive. */
  hidden_ms: number;
};

/** Messages sent between two records of them. */
const SENT_AT_ONCE = 80;
/** How long an instance waits for the one that wrote the event. */
const OTHERS_MS = 10_000;
/** A send whose outcome is not in the journal is repeated after this long. */
const AGAIN_MS = 5_000;
const LOST_CHECK_MS = 60_000;
/** Longer than a FIFO queue remembers a message: it would drop the copy. */
const LOST_AFTER_MS = 360_000;
/** A copy of a held message must not appear before the journal names it; the maximum of SQS. */
const HAND_OVER_DELAY_SECONDS = 900;
const RETRY = { base_ms: 1_000, max_ms: 30_000 };

export class Outbox {
  readonly #options: OutboxOptions;
  /** Job → when to send, by the monotonic clock. */
  readonly #due = new Map<string, number>();
  readonly #stopping = new AbortController();
  readonly #unsubscribe: () => void;
  #wake: () => void = () => {};
  #loop: Promise<void> = Promise.resolve();
  /** Log time at the start of the last receive that found nothing. */
  #empty_ms = 0;
  #lost_check_ms = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
    const { engine, clock } = options;
    this.#unsubscribe = engine.subscribe((segment) => {
      if (segment === null) return this.#dueAll();
      const at_ms = clock.monotonic() + (segment.own ? 0 : OTHERS_MS);
      const queued = segment.events.filter(({ type }) => type === 'JobQueued' || type === 'JobDelayOver');
      for (const { entity } of queued) this.#due.set(entity, at_ms);
      if (queued.length > 0) this.#wake();
    });
  }

  start(): void {
    this.#dueAll();
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#unsubscribe();
    this.#wake();
    await this.#loop;
  }

  /** A receive that began at this log time found no message. */
  foundNothing(began_ms: number): void {
    this.#empty_ms = Math.max(this.#empty_ms, began_ms);
  }

  /** Sends a copy of a message that can't be hidden for longer; recorded, it takes the place of the other. */
  async handOver(job_id: string): Promise<void> {
    const job = this.#options.engine.state.job(job_id);
    if (job && running(job.state)) await this.#send([job], HAND_OVER_DELAY_SECONDS);
  }

  #dueAll(): void {
    const now_ms = this.#options.clock.monotonic();
    for (const job of waitingJobs(this.#options.engine)) if (lacksMessage(job)) this.#due.set(job.job_id, now_ms);
    this.#wake();
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    let failures = 0;
    while (!this.#stopping.signal.aborted) {
      if (clock.monotonic() >= this.#lost_check_ms) this.#findLost();
      const jobs = this.#next();
      const sent = jobs.length === 0 || (await this.#send(jobs));
      failures = sent ? 0 : failures + 1;
      if (!sent) await sleep(clock, backoff(failures - 1, RETRY), this.#stopping.signal);
      else if (jobs.length === 0) await this.#idle();
    }
  }

  /** Until something is due, or may be. */
  async #idle(): Promise<void> {
    const { clock } = this.#options;
    let next_ms = this.#lost_check_ms;
    for (const at_ms of this.#due.values()) next_ms = Math.min(next_ms, at_ms);
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    if (this.#stopping.signal.aborted) return;
    await sleep(clock, Math.max(next_ms - clock.monotonic(), 1), woken.signal);
  }

  /** The jobs to send a message for now. */
  #next(): JobRecord[] {
    const { engine, clock } = this.#options;
    const now_ms = clock.monotonic();
    const jobs: JobRecord[] = [];
    for (const [job_id, at_ms] of this.#due) {
      if (jobs.length === SENT_AT_ONCE) break;
      if (at_ms > now_ms) continue;
      const job = engine.state.job(job_id);
      if (job && this.#needs(job)) jobs.push(job);
      else this.#due.delete(job_id);
    }
    return jobs;
  }

  #needs(job: JobRecord): boolean {
    return lacksMessage(job) || this.#isLost(job);
  }

  /** Its message was sent long ago, and a receive that should have found it found none. */
  #isLost(job: JobRecord): boolean {
    if (!claimable(job) || !job.message) return false;
    const after_ms = Math.max(LOST_AFTER_MS, this.#options.hidden_ms + 60_000);
    return Math.max(job.message.sent_ms, job.queued_ms) < this.#empty_ms - after_ms;
  }

  #findLost(): void {
    const { engine, clock } = this.#options;
    this.#lost_check_ms = clock.monotonic() + LOST_CHECK_MS;
    for (const job of waitingJobs(engine)) if (this.#isLost(job)) this.#due.set(job.job_id, clock.monotonic());
  }

  /** Returns whether messages were sent and recorded. */
  async #send(jobs: readonly JobRecord[], delay_seconds = 0): Promise<boolean> {
    const { port, engine, clock, trouble } = this.#options;
    const journal_id = engine.journal.journal_id;
    for (const { job_id } of jobs) this.#due.set(job_id, clock.monotonic() + AGAIN_MS);
    const sent = await trouble.attempt('sending', async () => {
      const results = await Promise.allSettled(
        batchesOf(jobs).map(async (batch) => {
          const ids = await port.send(batch.map((job) => messageAbout(job, journal_id, delay_seconds)));
          return batch.flatMap((job, index) => recordOf(job, ids[index] ?? null));
        }),
      );
      const records = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
      const failed = results.find((result) => result.status === 'rejected');
      if (records.length > 0) await this.#record(records);
      if (failed) throw failed.reason;
      if (records.length === 0) throw new Error('the queue refused every message');
      return true;
    });
    for (const { job_id } of jobs) {
      const job = engine.state.job(job_id);
      if (!job || !this.#needs(job)) this.#due.delete(job_id);
    }
    return sent === true;
  }

  async #record(messages: SentMessage[]): Promise<void> {
    const { engine } = this.#options;
    const id = `${UNREMEMBERED}${newUlid()}`;
    // Not recorded: they are sent again, and these are duplicates.
    await engine
      .submit({ id, fingerprint: '', actor: 'monitor', body: { type: 'record_messages', messages } })
      .catch(() => undefined);
  }
}

function recordOf(job: JobRecord, message_id: string | null): SentMessage[] {
  const { job_id, attempt, place } = job;
  return message_id === null ? [] : [{ message_id, job_id, attempt, place, replaces: messageOf(job) }];
}

function* waitingJobs({ state }: Pick<QueueEngine, 'state'>): Generator<JobRecord> {
  for (const places of Object.values(state.tables.waiting)) {
    for (const job_id of places.clone().values()) {
      const job = state.job(job_id);
      if (job) yield job;
    }
  }
}
