/**
 * A process of an engine with its model loaded, to which jobs are handed. lifecycle.ts decides when it is started and ended,
 * and which jobs it has; here are the process, its messages, and time.
 *
 * It ends with its standard input and by its guardian, so none is left when the worker is killed.
 */
import { tmpdir } from 'node:os';
import type { Writable } from 'node:stream';
import type { Clock } from '../../clock.ts';
import { type ProcessEnd, runProcessGroup } from '../../process-group.ts';
import { EngineError, type EngineProgress, type EngineStage, isHang } from '../engine.ts';
import { type EngineProgramEnd, engineFailure, Signs, startFailure } from '../run-engine-program.ts';
import { type Effect, Lifecycle, type LifecycleEvent, type Settlement } from './lifecycle.ts';
import {
  type AudioRead,
  type Ended,
  type Failed,
  type FromProcess,
  LOG_END,
  type Ready,
  readMessage,
  type ToProcess,
  toLine,
} from './messages.ts';

export type WarmProcessOptions = {
  engine: string;
  /** The script and what runs it; may take its time, and may throw an EngineError. */
  command: () => Promise<readonly [program: string, ...args: string[]]>;
  /** With which the model is loaded. */
  options: object;
  /** Jobs at once, if the engine can. */
  parallel: number;
  install_hint: string;
  clock: Clock;
  /** A new process after so many jobs. Default: never. */
  jobs_per_process?: number | undefined;
  /** A new process when its memory is so many times what it was after loading, and GROWTH_BYTES_MIN more. */
  memory_growth?: number | undefined;
  /** It ends after so long without a job, and the next one loads the model again. Default: never. */
  idle_ms?: number | undefined;
};

export type WarmJob = {
  audio_path: string;
  /** Where the transcript is written. */
  output_path: string;
  options: object;
  batch_size: number;
  signal: AbortSignal;
  /** Called with the first, and at each change. After TRANSCRIBING another follows if the process has ended beside it. */
  onStage: (stage: EngineStage) => void;
  onAudio: (audio: AudioRead) => void;
  onProgress: (progress: EngineProgress) => void;
  /** A line of the log, which may be about another job of the process. */
  onLog: (line: string) => void;
};

/** For a window to be finished, after which a cancelled job stops. */
const CANCEL_GRACE_MS = 2_000;
/** Between SIGTERM and SIGKILL: it has nothing to put in order. */
const KILL_GRACE_MS = 500;
const END_MS = 5_000;
/** Buffers of a long recording are no leak. */
const GROWTH_BYTES_MIN = 1024 ** 3;
const LOG_TAIL_LINES = 40;
/** Each thread of glibc keeps freed memory for itself: two jobs at once take 1.2 times the memory of one, and not 1.4 times. */
const ARENAS = '2';

type Given = WarmJob & {
  stage: EngineStage | null;
  resolve: () => void;
  reject: (error: unknown) => void;
  /** Both come, in either order. */
  ended?: Ended;
  logged?: true;
  /** Its log says that lines are left out. */
  shared?: true;
  failure?: EngineError;
  stopListening: () => void;
  cancelGrace: () => void;
};

const SHARED =
  '(lines that the engine prints while it works on several jobs are left out: they may be about another one)';

/** `ended`: the process has, before it answered. */
type Checked = 'works' | 'fails' | 'ended';

export class WarmProcess {
  readonly #options: WarmProcessOptions;
  readonly #lifecycle: Lifecycle;
  readonly #given = new Map<string, Given>();
  /** Waits for the model, and checks of it by id. */
  #preparing: { resolve: (ready: Ready) => void; reject: (error: unknown) => void }[] = [];
  readonly #checks = new Map<string, (found: Checked) => void>();
  #ready: Ready | undefined;
  #stdin: Writable | undefined;
  #kill = new AbortController();
  #loadFailure: unknown;
  /** Of the last end, for the jobs that it is blamed on. */
  #lastEnd: EngineProgramEnd | undefined;
  /** Since a job began while no other ran. */
  #log: string[] = [];
  #signs = new Signs();
  #ids = 0;
  #cancelTimer = () => {};
  #exits: (() => void)[] = [];

  constructor(options: WarmProcessOptions) {
    this.#options = options;
    this.#lifecycle = new Lifecycle({ jobs_per_process: options.jobs_per_process });
  }

  /** Jobs that it has or that wait for it. */
  get load(): number {
    return this.#given.size;
  }

  /**
   * Loads the model if it is not, and checks it if it is: one that fails is loaded again, in a new process. Throws an
   * EngineError, or the signal's reason.
   */
  async prepare(signal: AbortSignal): Promise<Ready> {
    signal.throwIfAborted();
    const known = this.#ready;
    if (known !== undefined) {
      const found = await this.#check(signal);
      if (found === 'works') return known;
      if (found === 'fails') this.#handle({ type: 'broken' });
      signal.throwIfAborted();
    }
    return new Promise<Ready>((resolve, reject) => {
      const waits = { resolve, reject };
      const onAbort = () => {
        if (!this.#preparing.includes(waits)) return;
        this.#preparing = this.#preparing.filter((other) => other !== waits);
        if (this.#lifecycle.phase === 'starting') this.#handle({ type: 'broken' });
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#preparing.push(waits);
      this.#handle({ type: 'wanted' });
    });
  }

  /** Resolves when the transcript is written. Throws an EngineError, or the signal's reason. */
  transcribe(job: WarmJob): Promise<void> {
    if (job.signal.aborted) return Promise.reject(job.signal.reason);
    const id = this.#nextId();
    return new Promise((resolve, reject) => {
      const onAbort = () => this.#handle({ type: 'aborted', job: id, hangs: isHang(job.signal.reason) });
      job.signal.addEventListener('abort', onAbort, { once: true });
      const stopListening = () => job.signal.removeEventListener('abort', onAbort);
      this.#given.set(id, { ...job, stage: null, resolve, reject, stopListening, cancelGrace: () => {} });
      this.#handle({ type: 'submitted', job: id });
    });
  }

  /** Ends the process; resolves when it has ended. Its jobs are rejected. The next job starts another. */
  async close(): Promise<void> {
    this.#handle({ type: 'closed' });
    if (this.#lifecycle.phase === 'none') return;
    await new Promise<void>((resolve) => this.#exits.push(resolve));
  }

  #nextId(): string {
    this.#ids += 1;
    return String(this.#ids);
  }

  #handle(event: LifecycleEvent): void {
    for (const effect of this.#lifecycle.handle(event)) this.#do(effect);
    const waits = this.#lifecycle.phase === 'starting' ? 'LOADING_MODEL' : 'WAITING_FOR_ENGINE';
    for (const id of this.#lifecycle.waiting) this.#enter(this.#given.get(id)!, waits);
    this.#cancelTimer();
    const { idle_ms, clock } = this.#options;
    const idles = this.#lifecycle.phase === 'ready' && this.#given.size === 0;
    if (idles && idle_ms !== undefined) this.#cancelTimer = clock.after(idle_ms, () => this.#handle({ type: 'idle' }));
  }

  #do(effect: Effect): void {
    switch (effect.do) {
      case 'start':
        void this.#run();
        return;
      case 'send':
        return this.#give(effect.job);
      case 'cancel': {
        const given = this.#given.get(effect.job)!;
        this.#send({ do: 'cancel', id: effect.job });
        const onGraceOver = () => this.#handle({ type: 'grace_over', job: effect.job });
        given.cancelGrace = this.#options.clock.after(CANCEL_GRACE_MS, onGraceOver);
        return;
      }
      case 'end': {
        this.#stdin?.end();
        const kill = this.#kill;
        const cancel = this.#options.clock.after(END_MS, () => kill.abort(new Error('killed')));
        this.#exits.push(cancel);
        return;
      }
      case 'kill':
        this.#kill.abort(new Error('killed'));
        return;
      case 'settle':
        return this.#settle(effect.job, effect.by);
    }
  }

  #give(id: string): void {
    const given = this.#given.get(id)!;
    if (this.#lifecycle.running.length <= 1) this.#forgetLog();
    this.#enter(given, 'TRANSCRIBING');
    const { audio_path, output_path, options } = given;
    this.#send({ do: 'transcribe', id, audio_path, output_path, options });
  }

  #enter(given: Given, stage: EngineStage): void {
    if (given.stage === stage) return;
    given.stage = stage;
    given.onStage(stage);
  }

  #forgetLog(): void {
    this.#log = [];
    this.#signs = new Signs();
  }

  #settle(id: string, by: Settlement): void {
    const given = this.#given.get(id)!;
    this.#given.delete(id);
    given.stopListening();
    given.cancelGrace();
    if (by === 'abort') given.reject(given.signal.reason);
    else if (by === 'load_failure') given.reject(this.#loadFailure);
    else if (by === 'crash') given.reject(engineFailure(this.#about(given), this.#lastEnd!));
    else if (by === 'closed') given.reject(given.signal.aborted ? given.signal.reason : this.#closedError());
    else if (given.failure !== undefined) given.reject(given.failure);
    else given.resolve();
  }

  #about({ batch_size }: { batch_size: number }) {
    return { engine: this.#options.engine, batch_size };
  }

  #closedError(): EngineError {
    return new EngineError('engine_crashed', `${this.#options.engine}: its process was ended`);
  }

  #send(message: ToProcess): void {
    this.#stdin?.write(toLine(message));
  }

  /** One process, from its start to its end. */
  async #run(): Promise<void> {
    const { engine, options, parallel, install_hint } = this.#options;
    const kill = new AbortController();
    this.#kill = kill;
    this.#loadFailure = undefined;
    this.#forgetLog();
    let end: ProcessEnd | undefined;
    try {
      const command = await this.#options.command();
      try {
        end = await runProcessGroup({
          command,
          directory: tmpdir(),
          environment: { MALLOC_ARENA_MAX: process.env.MALLOC_ARENA_MAX ?? ARENAS },
          signal: kill.signal,
          kill_grace_ms: KILL_GRACE_MS,
          onStdin: (stdin) => {
            this.#stdin = stdin;
            this.#send({ do: 'load', options, parallel });
          },
          onLine: (line, stream) => this.#onLine(line, stream),
        });
      } catch (error) {
        throw startFailure({ engine, command, install_hint }, error);
      }
    } catch (error) {
      if (!kill.signal.aborted) this.#loadFailure ??= error;
    }
    const { disk_full, out_of_memory, gpu_unavailable } = this.#signs;
    const signs = { disk_full, out_of_memory, gpu_unavailable };
    const { exit_code = null, exit_signal = null } = end ?? {};
    this.#lastEnd = { exit_code, exit_signal, stderr_tail: this.#log.join('\n'), ...signs };
    this.#exited();
  }

  #exited(): void {
    this.#stdin = undefined;
    this.#ready = undefined;
    for (const answer of this.#checks.values()) answer('ended');
    this.#checks.clear();
    if (this.#lifecycle.phase === 'starting') {
      this.#loadFailure ??= engineFailure(this.#about({ batch_size: 1 }), this.#lastEnd!);
      for (const { reject } of this.#preparing.splice(0)) reject(this.#loadFailure);
    }
    const exits = this.#exits.splice(0);
    this.#handle({ type: 'exited' });
    for (const run of exits) run();
    if (this.#lifecycle.phase === 'none')
      for (const { reject } of this.#preparing.splice(0)) reject(this.#closedError());
  }

  #onLine(line: string, stream: 'stdout' | 'stderr'): void {
    const message = stream === 'stdout' ? readMessage(line) : null;
    if (message !== null) return this.#onMessage(message);
    if (stream === 'stderr' && line.startsWith(LOG_END)) {
      const id = line.slice(LOG_END.length);
      const given = this.#given.get(id);
      if (given === undefined) return;
      given.logged = true;
      return this.#onEnd(id, given);
    }
    this.#signs.note(line, stream);
    this.#log.push(line);
    if (this.#log.length > LOG_TAIL_LINES) this.#log.shift();
    this.#attribute(line);
  }

  /** A line that is printed while several jobs run may be about any of them, and these may be of different tenants. */
  #attribute(line: string): void {
    const running = [...this.#given.values()].filter(({ stage }) => stage === 'TRANSCRIBING');
    if (running.length <= 1) {
      for (const { onLog } of running.length === 1 ? running : this.#given.values()) onLog(line);
      return;
    }
    for (const given of running.filter(({ shared }) => !shared)) {
      given.shared = true;
      given.onLog(SHARED);
    }
  }

  #onMessage(message: FromProcess): void {
    if (message.event === 'ready') return this.#onReady(message);
    const { id } = message;
    if (id === undefined) {
      this.#loadFailure = this.#errorOf(message, { batch_size: 1 });
      return;
    }
    const check = this.#checks.get(id);
    if (check !== undefined) {
      this.#checks.delete(id);
      return check(message.event === 'error' ? 'fails' : 'works');
    }
    const given = this.#given.get(id);
    if (given === undefined) return;
    switch (message.event) {
      case 'audio':
        return given.onAudio(message);
      case 'progress':
        return given.onProgress(message);
      default:
        given.ended = message;
        this.#onEnd(id, given);
    }
  }

  #onEnd(id: string, given: Given): void {
    const { ended, logged } = given;
    if (ended === undefined || !logged) return;
    if (ended.event === 'error') given.failure = this.#errorOf(ended, given);
    this.#handle({ type: 'answered', job: id });
    if (ended.event === 'result' && this.#hasGrown(ended.memory_bytes)) this.#handle({ type: 'retire' });
  }

  #onReady({ capabilities, versions, parallel, memory_bytes }: Ready): void {
    const { model, device, gpu_optimized, batch_size } = capabilities;
    this.#ready = { capabilities: { model, device, gpu_optimized, batch_size }, versions, parallel, memory_bytes };
    this.#handle({ type: 'ready', parallel: Math.max(1, Math.min(parallel, this.#options.parallel)) });
    for (const { resolve } of this.#preparing.splice(0)) resolve(this.#ready);
  }

  #hasGrown(memory_bytes: number | null): boolean {
    const { memory_growth } = this.#options;
    const loaded_bytes = this.#ready?.memory_bytes ?? null;
    if (memory_growth === undefined || memory_bytes === null || loaded_bytes === null) return false;
    return memory_bytes > loaded_bytes * memory_growth && memory_bytes > loaded_bytes + GROWTH_BYTES_MIN;
  }

  #errorOf(failed: Failed, { batch_size }: { batch_size: number }): EngineError {
    const { engine, install_hint } = this.#options;
    if ('code' in failed) {
      const { code, message, hint = code === 'engine_missing' ? install_hint : undefined } = failed;
      return new EngineError(code, `${engine}: ${message}`, hint === undefined ? {} : { hint });
    }
    const signs = new Signs();
    for (const line of failed.trace.split('\n')) signs.note(line, 'stderr');
    const { disk_full, out_of_memory, gpu_unavailable } = signs;
    const end = { exit_code: null, exit_signal: null, stderr_tail: failed.trace };
    const about = { engine, batch_size };
    return engineFailure(about, { ...end, disk_full, out_of_memory, gpu_unavailable }, 'an exception');
  }

  /** Whether the loaded model works. */
  #check(signal: AbortSignal): Promise<Checked> {
    const id = this.#nextId();
    return new Promise((resolve) => {
      this.#checks.set(id, resolve);
      signal.addEventListener('abort', () => resolve('fails'), { once: true });
      this.#send({ do: 'check', id });
    });
  }
}
