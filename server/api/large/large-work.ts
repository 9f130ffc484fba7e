/**
 * Work on large bodies, in threads: parsing a transcript of ten hours takes longer than the event loop may be held. Small inputs are
 * worked on at once, by the caller.
 *
 *     run ── small ──→ the task itself
 *         └─ large ──→ waits for a thread ──(Request)──→ thread.ts → the task
 *                                         ←──(Reply)───
 *
 * A thread is started when there is work for it, and ends after a while without. One that dies, for want of memory say, fails its
 * own task alone.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { ownProgram, threadOptions } from '../../../installation/own-files.ts';
import { MonitorError } from '../../../protocol/errors.ts';
import type { Clock } from '../../clock.ts';
import {
  type Input,
  memoryIn,
  type Output,
  type Reply,
  type Request,
  type TaskName,
  tasks,
  withBuffers,
} from './tasks.ts';
import { LARGE_BYTES } from './unparsed-body.ts';

const THREADS_MAX = Math.min(2, availableParallelism());
/** Of the inputs that wait for a thread. */
const WAITING_BYTES_MAX = 512 * 1024 * 1024;
const IDLE_MS = 30_000;

type Job = { request: Request; resolve: (value: unknown) => void; reject: (error: Error) => void };
type Thread = { worker: Worker; job: Job | null; cancelEnd: () => void };

export class LargeWork {
  readonly #clock: Clock;
  readonly #threads = new Set<Thread>();
  readonly #waiting: Job[] = [];
  #waiting_bytes = 0;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Throws what the task throws, and MonitorError `too_much_at_once`. The bytes of the input are the task's: the caller must not
   * use them afterwards.
   */
  async run<N extends TaskName>(name: N, input: Input<N>): Promise<Output<N>> {
    const { length } = input.bytes;
    if (length <= LARGE_BYTES) return (tasks[name] as (input: Input<N>) => Output<N>)(input);
    if (this.#closed) throw new MonitorError('unavailable', 'stopping', 'this instance is stopping');
    if (this.#waiting_bytes + length > WAITING_BYTES_MAX) {
      throw new MonitorError('busy', 'too_much_at_once', 'too many large bodies wait to be worked on', {
        hint: 'Send the same request again later.',
        retry_after_seconds: 2,
      });
    }
    const done = new Promise<unknown>((resolve, reject) => {
      this.#waiting.push({ request: { name, input }, resolve, reject });
    });
    this.#waiting_bytes += length;
    this.#next();
    return done as Promise<Output<N>>;
  }

  /** Fails what is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    const stopping = new MonitorError('unavailable', 'stopping', 'this instance is stopping');
    for (const { reject } of this.#waiting.splice(0)) reject(stopping);
    await Promise.all([...this.#threads].map((thread) => this.#end(thread, stopping)));
  }

  #next(): void {
    if (this.#waiting.length === 0) return;
    const idle = [...this.#threads].find(({ job }) => job === null);
    const thread = idle ?? (this.#threads.size < THREADS_MAX ? this.#start() : null);
    if (!thread) return;
    const job = this.#waiting.shift()!;
    this.#waiting_bytes -= job.request.input.bytes.length;
    thread.cancelEnd();
    thread.job = job;
    thread.worker.postMessage(job.request, memoryIn(job.request));
  }

  #start(): Thread {
    const worker = new Worker(ownProgram('thread', import.meta.url), { name: 'large bodies', ...threadOptions });
    const thread: Thread = { worker, job: null, cancelEnd: () => {} };
    worker.on('message', (reply: Reply) => this.#settle(thread, reply));
    worker.on('error', (error: Error) => void this.#end(thread, failed(error)));
    worker.on('exit', () => void this.#end(thread, failed(new Error('the thread has ended'))));
    this.#threads.add(thread);
    return thread;
  }

  #settle(thread: Thread, reply: Reply): void {
    const { job } = thread;
    thread.job = null;
    thread.cancelEnd = this.#clock.after(IDLE_MS, () => void this.#end(thread, failed(new Error('idle'))));
    this.#next();
    if ('value' in reply) job?.resolve(withBuffers(reply.value));
    else job?.reject(asError(reply.error));
  }

  async #end(thread: Thread, error: Error): Promise<void> {
    if (!this.#threads.delete(thread)) return;
    thread.cancelEnd();
    thread.job?.reject(error);
    thread.job = null;
    this.#next();
    await thread.worker.terminate();
  }
}

type ErrorParts = Pick<MonitorError, 'kind' | 'code' | 'message' | 'hint' | 'errors' | 'extra'> | { stack: string };

function asError(error: unknown): Error {
  const parts = error as ErrorParts;
  if ('stack' in parts) return failed(Object.assign(new Error('a task failed'), parts));
  const { kind, code, message, hint, errors, extra } = parts;
  return new MonitorError(kind, code, message, { hint, extra, ...(errors ? { errors } : {}) });
}

const failed = (cause: Error): MonitorError =>
  new MonitorError('internal', 'internal', 'an internal error; see the log of the monitor', { cause });
