/**
 * Sends the notices that are due. Which these are follows from the fold; a command claims them before they are sent, another
 * one records what became of each. An instance that dies in between leaves a claim, and the notice is sent again under the
 * same id when the claim is over: at once if no other instance can be alive.
 *
 *     due → claim_notices → send, many at once → deliver_notice or fail_notice
 *
 * The instance that wrote the event sends at once; the others wait: if nothing was recorded by then, they send.
 *
 * Nothing waits for it. A destination that is slow or down has a few sends at a time; the others go on.
 */
import { type Clock, type Random, sleep } from '../clock.ts';
import type { Engine } from '../engine.ts';
import { UNREMEMBERED } from '../state-machine/apply/apply.ts';
import type { CommandBody } from '../state-machine/decide/commands.ts';
import { dueNotices, nextNoticeDue } from '../state-machine/decide/notices.ts';
import type { NoticeRecord } from '../state-machine/state/notices.ts';
import { type Deliver, failureOf } from './delivery.ts';

export type NoticeSenderOptions = {
  engine: Pick<Engine, 'state' | 'submit' | 'subscribe'> & {
    journal: { now(): number; status: { writable: boolean } };
  };
  clock: Clock;
  random: Random;
  deliver: Deliver;
  /** No other instance has the store. */
  sole: boolean;
  newId: () => string;
  log: (level: 'warn', message: string) => void;
};

/** Sends at once, of all destinations. */
const AT_ONCE_MAX = 64;
const LATEST_MS = 1_000;
/** How long an instance waits for the one that wrote the event. */
const OTHERS_MS = 10_000;
const OWN_SEGMENTS_MAX = 10_000;
/** How long a stop waits for sends in progress. */
const STOP_MS = 3_000;

export class NoticeSender {
  readonly #options: NoticeSenderOptions;
  /** Notices being sent → their destination. */
  readonly #sending = new Map<string, string>();
  readonly #sends = new Set<Promise<void>>();
  /** Segments that this instance wrote; the latest last. */
  readonly #own = new Set<number>();
  readonly #stopping = new AbortController();
  readonly #aborted = new AbortController();
  #unsubscribe: () => void = () => {};
  #wake: () => void = () => {};
  #loop: Promise<void> = Promise.resolve();

  constructor(options: NoticeSenderOptions) {
    this.#options = options;
  }

  start(): void {
    const { engine } = this.#options;
    this.#unsubscribe = engine.subscribe((segment) => {
      if (segment?.own) this.#keepOwn(segment.seq);
      if ((nextNoticeDue(engine.state) ?? Number.POSITIVE_INFINITY) <= engine.journal.now()) this.#wake();
    });
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    const { clock } = this.#options;
    this.#stopping.abort();
    this.#unsubscribe();
    this.#wake();
    await this.#loop;
    const cancel = clock.after(STOP_MS, () => this.#aborted.abort());
    await Promise.all(this.#sends);
    cancel();
  }

  async #run(): Promise<void> {
    const { engine, sole, log } = this.#options;
    let released = !sole;
    while (!this.#stopping.signal.aborted) {
      let claimed = 0;
      try {
        if (engine.journal.status.writable) {
          if (!released) await this.#submit({ type: 'release_notices', by: '' });
          released = true;
          claimed = await this.#claim();
        }
      } catch (error) {
        log('warn', `notifications: ${error instanceof Error ? error.message : String(error)}`);
      }
      if (claimed === 0) await this.#idle();
    }
  }

  #keepOwn(seq: number): void {
    this.#own.add(seq);
    if (this.#own.size <= OWN_SEGMENTS_MAX) return;
    for (const oldest of this.#own) return void this.#own.delete(oldest);
  }

  /** Whether this instance is to send it: it wrote the event that made it due, or whoever did has not sent it in time. */
  #isOurs(id: string): boolean {
    const { engine, sole } = this.#options;
    const notice = engine.state.tables.notices.get(id);
    if (!notice) return false;
    // The time of one that was claimed is over: its sender is gone.
    if (sole || notice.state === 'sending' || this.#own.has(notice.version)) return true;
    return engine.journal.now() - (notice.next_ms ?? 0) >= OTHERS_MS;
  }

  /** Claims what is due and begins to send it. Resolves to the number of notices. */
  async #claim(): Promise<number> {
    const { engine, newId } = this.#options;
    const busy = new Map<string, number>();
    for (const destination of this.#sending.values()) busy.set(destination, (busy.get(destination) ?? 0) + 1);
    const max = AT_ONCE_MAX - this.#sending.size;
    const due = max <= 0 ? [] : dueNotices(engine.state, engine.journal.now(), { max, busy });
    const notice_ids = due.filter((id) => !this.#sending.has(id) && this.#isOurs(id));
    if (notice_ids.length === 0) return 0;
    const by = newId();
    await this.#submit({ type: 'claim_notices', notice_ids, by });
    for (const id of notice_ids) {
      const notice = engine.state.tables.notices.get(id);
      if (notice?.claimed_by !== by) continue;
      const send = this.#send(notice, by).finally(() => {
        this.#sending.delete(id);
        this.#sends.delete(send);
        this.#wake();
      });
      this.#sending.set(id, notice.destination);
      this.#sends.add(send);
    }
    return notice_ids.length;
  }

  async #send(notice: NoticeRecord, by: string): Promise<void> {
    const { deliver, random, log } = this.#options;
    const notice_id = notice.id;
    let outcome: CommandBody = { type: 'deliver_notice', notice_id };
    try {
      await deliver(notice, this.#aborted.signal);
    } catch (error) {
      // Whether it arrived is unknown; it is sent again.
      if (this.#aborted.signal.aborted) return;
      const jitter = 0.5 + random.float() / 2;
      outcome = { type: 'fail_notice', notice_id, by, jitter, ...failureOf(error) };
    }
    try {
      await this.#submit(outcome);
    } catch (error) {
      log(
        'warn',
        `notification ${notice_id} is sent again: its delivery was not recorded: ${(error as Error).message}`,
      );
    }
  }

  async #submit(body: CommandBody): Promise<void> {
    const { engine, newId } = this.#options;
    await engine.submit({ id: `${UNREMEMBERED}${newId()}`, fingerprint: '', actor: 'monitor', body });
  }

  /** Until something is due, or a send has ended. */
  async #idle(): Promise<void> {
    const { engine, clock } = this.#options;
    const next_ms = (nextNoticeDue(engine.state) ?? Number.POSITIVE_INFINITY) - engine.journal.now();
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    if (this.#stopping.signal.aborted) return;
    // What is due, but could not be claimed, waits for the end of a send, or for the store.
    await sleep(clock, next_ms > 0 ? Math.min(next_ms, LATEST_MS) : LATEST_MS, woken.signal);
  }
}
