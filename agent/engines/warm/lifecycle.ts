/**
 * The life of an engine's process and of the jobs that it is given, without processes and without time: events go in,
 * effects come out.
 *
 *     none ──► starting ──► ready ──► ending ──► none     it ends by itself when its jobs are done
 *                 │           │          │
 *                 └───────────┴──────────┴─► killed ──► none
 *
 *     none        a job, or somebody who wants it ready, starts it
 *     starting    the model is loaded; jobs wait. An end here fails all that wait
 *     ready       jobs run, as many at once as the engine can
 *     ending      it has done its jobs, or its memory has grown, or it was idle: it gets no more; jobs wait for the next process
 *     killed      a cancelled job did not stop in time, or hangs; its other jobs run again in the next process
 *
 * A crash is blamed on a job only if nothing ran beside it. Jobs that ran together when their process crashed are
 * *suspects*: each runs once more, by itself and before all others, and fails if the process crashes again.
 */
export type JobId = string;

export type LifecycleEvent =
  /** Somebody wants the model loaded. */
  | { type: 'wanted' }
  | { type: 'submitted'; job: JobId }
  /** Its result is not wanted any more. `hangs`: because it makes no progress. */
  | { type: 'aborted'; job: JobId; hangs: boolean }
  /** The model is loaded. */
  | { type: 'ready'; parallel: number }
  /** The process has reported the job's end: a result, an error or a confirmed cancellation. */
  | { type: 'answered'; job: JobId }
  /** A cancelled job has had its time to stop. */
  | { type: 'grace_over'; job: JobId }
  /** A new process is due: after the jobs that run now. */
  | { type: 'retire' }
  /** No job has come for long. */
  | { type: 'idle' }
  /** It does not work any more, or is not wanted in its present state. */
  | { type: 'broken' }
  /** The process has ended. */
  | { type: 'exited' }
  /** Nothing is wanted any more. */
  | { type: 'closed' };

/** How a job's wait ends: by what the process has answered, or by what happened to the process. */
export type Settlement = 'answer' | 'abort' | 'crash' | 'load_failure' | 'closed';

export type Effect =
  | { do: 'start' }
  | { do: 'send'; job: JobId }
  | { do: 'cancel'; job: JobId }
  /** Let the process end by itself. */
  | { do: 'end' }
  | { do: 'kill' }
  | { do: 'settle'; job: JobId; by: Settlement };

type Phase = 'none' | 'starting' | 'ready' | 'ending' | 'killed';
type Waiting = { job: JobId; suspect: boolean };
type Running = Waiting & { unwanted: 'abort' | 'closed' | null };

export class Lifecycle {
  readonly #jobs_per_process: number;
  #phase: Phase = 'none';
  #parallel = 1;
  /** Given to the current process. */
  #sent = 0;
  #wanted = false;
  /** In the order in which they are to run. */
  #waiting: Waiting[] = [];
  /** In the order in which they were sent. */
  #running: Running[] = [];
  #effects: Effect[] = [];

  /** `jobs_per_process`: after so many a new one is started; default: never. */
  constructor({ jobs_per_process = Number.POSITIVE_INFINITY }: { jobs_per_process?: number | undefined } = {}) {
    this.#jobs_per_process = jobs_per_process;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Jobs that run, oldest first. */
  get running(): readonly JobId[] {
    return this.#running.map(({ job }) => job);
  }

  get waiting(): readonly JobId[] {
    return this.#waiting.map(({ job }) => job);
  }

  handle(event: LifecycleEvent): Effect[] {
    this.#effects = [];
    this.#apply(event);
    this.#goOn();
    return this.#effects;
  }

  #apply(event: LifecycleEvent): void {
    switch (event.type) {
      case 'wanted':
        this.#wanted = this.#phase !== 'ready';
        return;
      case 'submitted':
        this.#waiting.push({ job: event.job, suspect: false });
        return;
      case 'aborted':
        return this.#abort(event.job, event.hangs);
      case 'ready':
        if (this.#phase !== 'starting') return;
        this.#phase = 'ready';
        this.#wanted = false;
        this.#sent = 0;
        this.#parallel = event.parallel;
        return;
      case 'answered':
        return this.#answer(event.job);
      case 'grace_over':
        if (this.#running.some(({ job, unwanted }) => job === event.job && unwanted !== null)) this.#kill();
        return;
      case 'retire':
        return this.#retire();
      case 'idle':
        if (this.#running.length === 0 && this.#waiting.length === 0) this.#retire();
        return;
      case 'broken':
        this.#wanted = false;
        return this.#kill();
      case 'exited':
        return this.#exit();
      case 'closed':
        return this.#close();
    }
  }

  #goOn(): void {
    if (this.#phase === 'none' && (this.#wanted || this.#waiting.length > 0)) {
      this.#phase = 'starting';
      this.#effects.push({ do: 'start' });
    }
    while (this.#phase === 'ready') {
      const next = this.#waiting.findIndex(({ suspect }) => suspect);
      const job = this.#waiting[Math.max(0, next)];
      if (job === undefined || !this.#hasRoomFor(job)) return;
      this.#waiting.splice(Math.max(0, next), 1);
      this.#running.push({ ...job, unwanted: null });
      this.#effects.push({ do: 'send', job: job.job });
      this.#sent += 1;
      if (this.#sent >= this.#jobs_per_process) this.#retire();
    }
  }

  #hasRoomFor({ suspect }: Waiting): boolean {
    if (suspect || this.#running.some((running) => running.suspect)) return this.#running.length === 0;
    return this.#running.length < this.#parallel;
  }

  #abort(job: JobId, hangs: boolean): void {
    const waited = this.#waiting.length;
    this.#waiting = this.#waiting.filter((waiting) => waiting.job !== job);
    if (this.#waiting.length < waited) {
      this.#settle(job, 'abort');
      if (hangs && this.#phase === 'starting') this.#kill();
      return;
    }
    const running = this.#running.find((one) => one.job === job);
    if (running === undefined || running.unwanted !== null) return;
    running.unwanted = 'abort';
    if (hangs) this.#kill();
    else if (this.#phase !== 'killed') this.#effects.push({ do: 'cancel', job });
  }

  #answer(job: JobId): void {
    const running = this.#running.find((one) => one.job === job);
    if (running === undefined) return;
    this.#running = this.#running.filter((one) => one !== running);
    this.#settle(job, running.unwanted ?? 'answer');
    if (this.#phase === 'ending' && this.#running.length === 0) this.#effects.push({ do: 'end' });
  }

  #retire(): void {
    if (this.#phase !== 'ready') return;
    this.#phase = 'ending';
    if (this.#running.length === 0) this.#effects.push({ do: 'end' });
  }

  #kill(): void {
    if (this.#phase === 'none' || this.#phase === 'killed') return;
    this.#phase = 'killed';
    this.#effects.push({ do: 'kill' });
  }

  #exit(): void {
    const ended = this.#phase;
    const ran = this.#running;
    this.#phase = 'none';
    this.#running = [];
    if (ended === 'starting') {
      this.#wanted = false;
      for (const { job } of this.#waiting.splice(0)) this.#settle(job, 'load_failure');
      return;
    }
    const alone = ran.length === 1;
    const again: Waiting[] = [];
    for (const { job, suspect, unwanted } of ran) {
      if (unwanted !== null) this.#settle(job, unwanted);
      else if (ended === 'killed') again.push({ job, suspect });
      else if (alone) this.#settle(job, 'crash');
      else again.push({ job, suspect: true });
    }
    this.#waiting.unshift(...again);
  }

  #close(): void {
    this.#wanted = false;
    for (const { job } of this.#waiting.splice(0)) this.#settle(job, 'closed');
    for (const running of this.#running) running.unwanted ??= 'closed';
    if (this.#running.length > 0 || this.#phase === 'starting') this.#kill();
    else this.#retire();
  }

  #settle(job: JobId, by: Settlement): void {
    this.#effects.push({ do: 'settle', job, by });
  }
}
