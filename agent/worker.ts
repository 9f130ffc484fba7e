/**
 * The worker: claims jobs, runs them, sends heartbeats, and exits in good order.
 *
 *     registering ──► claiming ──► draining ──► left
 *          ▲             │  │          ▲
 *          └─ unknown ───┘  └─ drain ──┘     claims no more, finishes its jobs
 *
 *     restart, stop      its jobs are stopped and released at once
 *     terminated         the monitor has dropped it: its jobs are lost; it exits
 *     suspended          it claims nothing until its self-check passes (self-check.ts)
 *     interrupted        the machine is being taken away: it drains, and hands back what it can't finish in time
 *
 * In every state it waits for a monitor that is away. A bad job never ends the worker; only a monitor that refuses the
 * worker itself does (a bad key, an invalid registration).
 */
import type { Claim, WorkerCommand, WorkerRegistration } from '../protocol/worker.ts';
import { ConflictError, NotFoundError, WorkerTerminatedError } from '../sdk/typescript/index.ts';
import { systemClock } from './clock.ts';
import { reportDraining, reportExit } from './exit-reports.ts';
import { handBackBefore } from './hand-back.ts';
import { Heartbeat } from './heartbeat.ts';
import { HeldJob, type StopReason } from './held-job.ts';
import { LearnedPace } from './learned-pace.ts';
import type { Notice } from './notices/notice.ts';
import { runJob } from './run-job.ts';
import { SelfCheck } from './self-check.ts';
import { isAway, pause, sendUntilAnswered } from './send-until-answered.ts';
import { Pace } from './stall.ts';
import type { WorkerEnd, WorkerLine, WorkerOptions } from './worker-options.ts';

export type { WorkerEnd, WorkerLine, WorkerOptions };

const CLAIM_WAIT_SECONDS = 20;
const EMPTY_AT_ONCE_MS = 1_000;

/** Resolves when the worker has exited. Rejects if the monitor refuses it. */
export async function runWorker(options: WorkerOptions): Promise<WorkerEnd> {
  return new RunningWorker(options).run();
}

class RunningWorker {
  readonly #options: WorkerOptions;
  readonly #log: (line: WorkerLine) => void;
  readonly #held = new Map<string, HeldJob>();
  readonly #running = new Set<Promise<void>>();
  readonly #heartbeat: Heartbeat;
  readonly #selfCheck: SelfCheck;
  readonly #pace = new Pace();
  readonly #learned = new LearnedPace();
  /** Ends claiming. */
  readonly #ending = new AbortController();
  /** Ends everything, including waits for a response. */
  readonly #leaving = new AbortController();
  #end: WorkerEnd = 'drained';
  #refusal: unknown;
  #away = false;
  /** The last one, which is the reason for draining. */
  #notice: Notice | undefined;
  #draining = false;
  /** Resolves when the monitor knows that it drains, which comes before its exit. */
  #reported: Promise<void> = Promise.resolve();
  /** Ends the claim loop's wait for a job's end. */
  #wake: () => void = () => {};
  /** One registration at a time, however many calls find that one is needed. */
  #registering: Promise<void> | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#log = options.log ?? (() => {});
    const { engine, clock = systemClock, readHealth } = options;
    const onChange = () => {
      this.#wake();
      this.#heartbeat.hurry();
    };
    this.#selfCheck = new SelfCheck({ engine, clock, onChange, log: this.#log });
    this.#heartbeat = new Heartbeat({
      api: options.api,
      workerId: options.workerId,
      readHealth: async () => ({ ...(await readHealth().catch(() => ({}))), ...this.#selfCheck.health }),
      held: this.#held,
      onCommand: (command) => this.#obey(command),
      onRefused: (error) => void this.#onRefused(error),
      onAway: (error) => this.#onAway(error),
    });
  }

  async run(): Promise<WorkerEnd> {
    const { drainSignal, stopSignal, notices } = this.#options;
    const onDrain = () => this.#finish('drained');
    const onStop = () => this.#finish('stopped');
    drainSignal?.addEventListener('abort', onDrain, { once: true });
    stopSignal?.addEventListener('abort', onStop, { once: true });
    if (drainSignal?.aborted) onDrain();
    if (stopSignal?.aborted) onStop();
    let cancelHandBack = () => {};
    const unsubscribe = notices?.subscribe((notice) => {
      const cancel = this.#onNotice(notice);
      if (cancel) cancelHandBack = cancel;
    });
    try {
      await this.#register();
      if (!this.#ending.signal.aborted) this.#log({ message: 'ready', worker_id: this.#options.workerId });
      this.#heartbeat.start();
      await this.#claimUntilEnding();
      await this.#drain();
    } finally {
      drainSignal?.removeEventListener('abort', onDrain);
      stopSignal?.removeEventListener('abort', onStop);
      unsubscribe?.();
      cancelHandBack();
      this.#selfCheck.stop();
      this.#heartbeat.stop();
    }
    if (this.#refusal !== undefined) throw this.#refusal;
    return this.#end;
  }

  async #register(): Promise<void> {
    const { api, workerId, instance_id, capabilities, location } = this.#options;
    const registration: WorkerRegistration = {
      capabilities,
      ...(instance_id === undefined ? {} : { instance_id }),
      ...(location === undefined ? {} : { location }),
    };
    this.#registering ??= sendUntilAnswered(
      (call) => api.workers.register(workerId, registration, { ...call, retries: 0 }),
      { signal: this.#ending.signal, onAway: (error) => this.#onAway(error) },
    )
      .then(() => {})
      .catch((error: unknown) => {
        if (this.#ending.signal.aborted) return;
        if (error instanceof WorkerTerminatedError) this.#finish('terminated');
        else this.#refuse(error);
      })
      .finally(() => {
        this.#registering = undefined;
      });
    await this.#registering;
  }

  async #claimUntilEnding(): Promise<void> {
    const { api, workerId, maxJobs = 1 } = this.#options;
    const { signal } = this.#ending;
    let tries = 0;
    // Body and key are kept until the monitor responds: jobs of a lost response are handed out again.
    let asking: { claim: Claim; idempotencyKey: string } | null = null;
    while (!signal.aborted) {
      const max_jobs = this.#selfCheck.room(this.#running.size, maxJobs);
      if (max_jobs <= 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      try {
        asking ??= { claim: { max_jobs, wait_seconds: CLAIM_WAIT_SECONDS }, idempotencyKey: crypto.randomUUID() };
        const { claim, idempotencyKey } = asking;
        const asked_ms = performance.now();
        const { jobs } = await api.workers.claim(workerId, claim, { signal, retries: 2, idempotencyKey });
        asking = null;
        tries = 0;
        this.#onAway(null);
        for (const job of jobs) this.#take(new HeldJob(job));
        if (jobs.length > 0 || performance.now() - asked_ms > EMPTY_AT_ONCE_MS) continue;
        // Returned early without jobs: this worker is to get none. The heartbeat's response has the reason.
        this.#heartbeat.hurry();
        await pause(2, signal).catch(() => {});
      } catch (error) {
        if (signal.aborted) return;
        // Refused, it handed out nothing.
        if (error instanceof ConflictError) asking = null;
        if (isAway(error)) {
          this.#onAway(error);
          await pause(tries++, signal).catch(() => {});
        } else if (!(await this.#onRefused(error))) await pause(tries++, signal).catch(() => {});
      }
    }
  }

  #take(held: HeldJob): void {
    const { api, engine, capabilities, workDirectory, limits = {}, clock = systemClock } = this.#options;
    this.#held.set(held.leaseToken, held);
    this.#heartbeat.keep(held);
    const running = runJob(held, {
      api,
      engine,
      allowHttp: this.#options.allowHttp === true,
      batchSize: capabilities.batch_size ?? 1,
      model: capabilities.model,
      defaults: this.#options.defaults ?? {},
      learned: this.#learned,
      onSuspect: this.#options.onSuspect ?? 'retry',
      workDirectory,
      leaveSignal: this.#leaving.signal,
      selfCheck: this.#selfCheck,
      limits: { ...limits, ...engine.limits },
      pace: this.#pace,
      clock,
      spans: this.#options.spans,
      onAway: (error) => this.#onAway(error),
      onConflict: () => this.#heartbeat.hurry(),
      log: this.#log,
    }).finally(() => {
      this.#held.delete(held.leaseToken);
      this.#running.delete(running);
      this.#wake();
    });
    this.#running.add(running);
  }

  /** For an interruption, returns a function that cancels the hand-back. */
  #onNotice(notice: Notice): (() => void) | undefined {
    this.#notice = notice;
    this.#log({ message: notice.reason, jobs_held: this.#held.size });
    this.#finish('drained');
    if (this.#draining) this.#reported = this.#reportDraining();
    if (notice.kind !== 'interruption') return undefined;
    return handBackBefore(notice, this.#held, this.#options.clock ?? systemClock);
  }

  #obey(command: WorkerCommand): void {
    switch (command.type) {
      case 'cancel_job':
        for (const held of this.#held.values()) if (held.jobId === command.job_id) held.stop('cancelled');
        return;
      case 'kill_engine':
        for (const held of this.#held.values()) if (held.jobId === command.job_id) held.stop('hung');
        return;
      case 'drain':
        this.#finish('drained');
        return;
      case 'restart':
        this.#finish('restart');
    }
  }

  /** Returns whether the worker can continue at once. */
  async #onRefused(error: unknown): Promise<boolean> {
    if (error instanceof WorkerTerminatedError) this.#finish('terminated');
    else if (error instanceof NotFoundError) {
      // The monitor has another store now, or has forgotten this worker: register again.
      await this.#register();
      return true;
    } else if (error instanceof ConflictError) {
      // DRAINING or RESTARTING: the heartbeat's response has the command.
      this.#heartbeat.hurry();
    } else if ([400, 401, 403].includes((error as { status?: number }).status ?? 0)) this.#refuse(error);
    else this.#log({ message: 'the monitor responded with an error', error: String(error) });
    return false;
  }

  #refuse(error: unknown): void {
    this.#refusal ??= error;
    this.#finish('stopped');
  }

  /** A later end overrides an earlier one if it is more urgent. */
  #finish(end: WorkerEnd): void {
    if (this.#ending.signal.aborted && (end === 'drained' || this.#end !== 'drained')) return;
    this.#end = end;
    this.#ending.abort();
    this.#wake();
    const why: Record<WorkerEnd, StopReason | undefined> = {
      drained: undefined,
      restart: 'restarting',
      stopped: 'leaving',
      terminated: 'lease_lost',
    };
    const reason = why[end];
    if (end === 'stopped' || end === 'terminated') this.#leaving.abort(new Error('the worker exits'));
    // A self-check may take minutes, and its result does not matter any more.
    if (end !== 'drained') this.#selfCheck.stop();
    if (reason !== undefined) for (const held of this.#held.values()) held.stop(reason);
    // Kills what does not stop at once: no job is to be continued here.
    if (end !== 'drained') void this.#options.engine.close?.();
    this.#log({ message: end === 'drained' ? 'draining' : end, jobs_held: this.#held.size });
  }

  /** Waits for its jobs, then exits. */
  async #drain(): Promise<void> {
    const { api, workerId } = this.#options;
    this.#draining = true;
    if (this.#end === 'drained') this.#reported = this.#reportDraining();
    while (this.#running.size > 0) await Promise.all(this.#running);
    await this.#reported;
    this.#heartbeat.stop();
    if (this.#end === 'terminated' || this.#end === 'restart') return;
    if (this.#refusal === undefined) {
      await reportExit(api, workerId).catch((error: unknown) =>
        this.#log({ message: 'the exit could not be reported', error: String(error) }),
      );
    }
    this.#log({ message: 'left', worker_id: workerId });
  }

  async #reportDraining(): Promise<void> {
    if (this.#notice === undefined && this.#running.size === 0) return;
    await reportDraining(this.#options.api, this.#options.workerId, this.#notice, {
      signal: this.#leaving.signal,
      onAway: (error) => this.#onAway(error),
    });
  }

  /** Every call notices; the log has it once. */
  #onAway(error: Error | null): void {
    if ((error !== null) === this.#away) return;
    this.#away = error !== null;
    if (error === null) return this.#log({ message: 'the monitor is back' });
    const { message, hint } = error as Error & { hint?: string };
    this.#log({ message: 'the monitor is away, waiting', error: message, ...(hint === undefined ? {} : { hint }) });
  }
}
