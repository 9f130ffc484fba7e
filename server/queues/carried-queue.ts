/**
 * The main queue carried by a queue of messages: outbox, claims, held messages, and the intake of messages of others.
 * The parts share only the fold and the queue, so that any of them may be lost at any time.
 */
import { type Clock, sleep } from '../clock.ts';
import type { Outcome } from '../state-machine/decide/commands.ts';
import { Holding } from './holding.ts';
import type { Intake } from './ingest/intake.ts';
import type { ClaimRequest, ExternalQueue, MeasuredFigures, QueueFigures } from './job-queue.ts';
import type { MessageQueue } from './message-queue.ts';
import { Outbox } from './outbox.ts';
import type { QueueEngine, QueueLog } from './queue-engine.ts';
import { Receiver } from './receiver.ts';
import { QueueTrouble } from './trouble.ts';

export type CarriedQueueOptions = {
  port: MessageQueue;
  engine: QueueEngine;
  clock: Clock;
  log: QueueLog;
  intake: Pick<Intake, 'take' | 'not_understood'>;
};

const HIDDEN_MIN_MS = 30_000;
/** Hidden for longer than a lease, so that a heartbeat comes before it ends. */
const HIDDEN_LEASES = 2;
const HIDDEN_MAX_MS = 3_600_000;
const FIGURES_MS = 10_000;
const STRAYS_MAX = 1_000;
const STOP_MS = 5_000;

export class CarriedQueue implements ExternalQueue {
  readonly #options: CarriedQueueOptions;
  readonly #trouble: QueueTrouble;
  readonly #outbox: Outbox;
  readonly #holding: Holding;
  readonly #receiver: Receiver;
  readonly #strays = new Set<string>();
  #figures: { read_ms: number; reading: Promise<MeasuredFigures> } | null = null;

  constructor(options: CarriedQueueOptions) {
    this.#options = options;
    const { port, engine, clock, log, intake } = options;
    const trouble = new QueueTrouble(port.url, log);
    const hidden_ms = Math.min(HIDDEN_MAX_MS, Math.max(HIDDEN_MIN_MS, HIDDEN_LEASES * engine.policy.lease_ms));
    const shared = { port, engine, clock, trouble, hidden_ms };
    this.#trouble = trouble;
    this.#outbox = new Outbox(shared);
    this.#holding = new Holding({ ...shared, handOver: (job_id) => this.#outbox.handOver(job_id) });
    this.#receiver = new Receiver({
      ...shared,
      holding: this.#holding,
      foundNothing: (began_ms) => this.#outbox.foundNothing(began_ms),
      ingest: async (message) => {
        const done = await trouble.attempt('taking messages of others', () => intake.take(message));
        if (done === 'delete') await trouble.attempt('deleting', () => port.delete([message.receipt]).then(() => true));
      },
      stray: (message_id, journal_id) => this.#stray(message_id, journal_id),
    });
  }

  get problem(): string | null {
    return this.#trouble.problem;
  }

  get not_understood(): number {
    return this.#options.intake.not_understood + this.#strays.size;
  }

  start(): void {
    this.#outbox.start();
    this.#holding.start();
    this.#receiver.start();
  }

  next(request: ClaimRequest): Promise<Outcome['refs']> {
    return this.#receiver.next(request);
  }

  close(): void {
    this.#receiver.close();
  }

  async stop(): Promise<void> {
    const { clock, port } = this.#options;
    const done = new AbortController();
    const stopped = Promise.all([this.#receiver.stop(), this.#outbox.stop(), this.#holding.stop()]);
    void stopped.then(() => done.abort());
    // A queue that does not respond must not hold up the end; closing it ends what is under way.
    await sleep(clock, STOP_MS, done.signal);
    port.close();
  }

  /** Read at most every 10 s. */
  figures(): Promise<MeasuredFigures> {
    const { clock } = this.#options;
    const now_ms = clock.monotonic();
    if (this.#figures === null || now_ms - this.#figures.read_ms >= FIGURES_MS) {
      this.#figures = { read_ms: now_ms, reading: this.#measure() };
    }
    return this.#figures.reading;
  }

  async #measure(): Promise<MeasuredFigures> {
    const { port, engine } = this.#options;
    const read_ms = engine.journal.now();
    const made = (figures: QueueFigures | null, problem: string | null) => ({
      url: port.url,
      read_ms,
      figures,
      problem,
    });
    return port.figures().then(
      (figures) => made(figures, null),
      (error: Error) => made(null, error.message),
    );
  }

  /** Two monitors of different stores share the queue: each hides the messages of the other. */
  #stray(message_id: string, journal_id: string): void {
    if (this.#strays.has(message_id) || this.#strays.size >= STRAYS_MAX) return;
    this.#strays.add(message_id);
    const { log, port } = this.#options;
    log(
      'warn',
      `queue ${port.url}: message ${message_id} is of the monitor with journal ${journal_id}; give each monitor its own queue`,
    );
  }
}
