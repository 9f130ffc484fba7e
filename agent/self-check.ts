/**
 * Whether this worker can be trusted with jobs.
 *
 *     trusted ──► suspended ──► on trial ──► trusted
 *                     ▲             │            by a completed job
 *                     └─────────────┘            by another fault of its own
 *
 * It is suspended, and claims nothing, if its engine's self-check fails after a failed job, or after FAULTS_MAX faults in a
 * row that were, or may have been, its own. While it is, the self-check is repeated: after 30 s, 1 min, 2 min, … 10 min.
 * Once that passes, it claims one job on trial. The heartbeats say why it claims nothing.
 */
import { type Fault, faultOf } from '../protocol/fault.ts';
import type { FailureReport } from '../protocol/job.ts';
import type { HealthReport } from '../protocol/worker.ts';
import type { Clock } from './clock.ts';
import { type Engine, EngineError } from './engines/engine.ts';

export type SelfCheckOptions = {
  engine: Pick<Engine, 'prepare'>;
  clock: Clock;
  /** It was suspended, or may claim again. */
  onChange: () => void;
  log: (line: { message: string; [detail: string]: unknown }) => void;
};

const FAULTS_MAX = 3;
const PAUSE = { baseMs: 30_000, capMs: 600_000 };
/** A model may be loaded from a slow disk. */
const CHECK_MS = 600_000;
const REASON_MAX = 500;

export class SelfCheck {
  readonly #options: SelfCheckOptions;
  #mode: 'trusted' | 'suspended' | 'trial' = 'trusted';
  #reason: string | null = null;
  /** Faults of its own since the last completed job; and the jobs that failed by an unknown fault. */
  #own = 0;
  readonly #jobs = new Set<string>();
  /** Pauses since the last completed job. */
  #pauses = 0;
  #checking: Promise<Error | null> | undefined;
  readonly #stopping = new AbortController();
  #cancelPause = () => {};

  constructor(options: SelfCheckOptions) {
    this.#options = options;
  }

  /** For the heartbeats. */
  get health(): Pick<HealthReport, 'status' | 'reason'> {
    return this.#reason === null ? {} : { status: 'DEGRADED', reason: this.#reason };
  }

  /** How many jobs may be claimed now. */
  room(running: number, maxJobs: number): number {
    if (this.#mode === 'trusted') return maxJobs - running;
    return this.#mode === 'trial' && running === 0 ? 1 : 0;
  }

  /**
   * The error to report for a failed attempt, whose engine is checked if that may be at fault: a crash is the worker's
   * fault if the check fails, too.
   */
  async examine(error: unknown): Promise<unknown> {
    if (!(error instanceof EngineError)) return error;
    if (error.code !== 'engine_crashed' && faultOf(error.code) !== 'worker') return error;
    const broken = await this.#check();
    if (broken === null || this.#stopping.signal.aborted) return error;
    this.#suspend(`its self-check fails: ${broken.message}`);
    if (error.code !== 'engine_crashed') return error;
    const { hint } = broken as { hint?: string };
    const message = `${error.message}\nand its self-check fails: ${broken.message}`;
    return new EngineError('engine_broken', message, { cause: error, ...(hint === undefined ? {} : { hint }) });
  }

  /** An attempt has failed, and was examined. */
  failed(jobId: string, { code, message, retryable, fault }: FailureReport['error']): void {
    const whose: Fault | null = fault ?? faultOf(code);
    if (whose === 'audio' || whose === 'service' || (whose === null && !retryable)) return;
    if (whose === 'worker') this.#own += 1;
    else this.#jobs.add(jobId);
    const row = this.#own + this.#jobs.size;
    if (this.#mode === 'trusted' && row < FAULTS_MAX) return;
    this.#suspend(`${row} failed attempts in a row, the last ${code}: ${message.split('\n', 1)[0]}`);
  }

  completed(): void {
    this.#own = 0;
    this.#jobs.clear();
    this.#pauses = 0;
    this.#reason = null;
    this.#cancelPause();
    if (this.#mode === 'trusted') return;
    this.#mode = 'trusted';
    this.#options.log({ message: 'claiming as usual: a job has completed' });
    this.#options.onChange();
  }

  stop(): void {
    this.#stopping.abort(new Error('the worker exits'));
    this.#cancelPause();
  }

  #suspend(reason: string): void {
    if (this.#stopping.signal.aborted || this.#mode === 'suspended') return;
    this.#mode = 'suspended';
    this.#reason = reason.slice(0, REASON_MAX);
    this.#options.log({ message: 'claiming no jobs', reason: this.#reason });
    this.#pause();
    this.#options.onChange();
  }

  #pause(): void {
    const { baseMs, capMs } = PAUSE;
    const delay_ms = Math.min(capMs, baseMs * 2 ** this.#pauses);
    this.#pauses += 1;
    this.#cancelPause = this.#options.clock.after(delay_ms, () => void this.#tryAgain());
  }

  async #tryAgain(): Promise<void> {
    const broken = await this.#check();
    if (this.#stopping.signal.aborted || this.#mode !== 'suspended') return;
    if (broken !== null) {
      this.#reason = `its self-check fails: ${broken.message}`.slice(0, REASON_MAX);
      this.#pause();
    } else {
      this.#mode = 'trial';
      this.#reason = null;
      this.#options.log({ message: 'its self-check passes: claiming one job on trial' });
    }
    this.#options.onChange();
  }

  /** One at a time, whoever asks. Resolves with why it failed, or null. */
  #check(): Promise<Error | null> {
    this.#checking ??= this.#prepare().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  async #prepare(): Promise<Error | null> {
    const { engine, clock } = this.#options;
    const late = new AbortController();
    const cancel = clock.after(CHECK_MS, () => late.abort(new Error(`it took longer than ${CHECK_MS / 60_000} min`)));
    try {
      await engine.prepare({ signal: AbortSignal.any([late.signal, this.#stopping.signal]) });
      return null;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    } finally {
      cancel();
    }
  }
}
