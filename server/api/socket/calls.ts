/**
 * The calls of one WebSocket: operations of the API, each a message, answered by its `id`.
 *
 *     taken → run, beside others → answered (with an id) or refused → done
 *
 * They begin in the order they came and end as they can: a claim that waits holds up nothing. Beyond CALLS_MAX under way one is
 * refused before anything is done. The socket's end is the end of waiting, as a connection's is over HTTP; what was on its way to the
 * journal is done, and a call sent again with its key is answered as the first would have been.
 */
import { MonitorError } from '../../../protocol/errors.ts';
import type { CallRequest } from '../../../protocol/feed.ts';
import type { Caller, Reply } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { asMonitorError, logFault, toProblem } from '../errors.ts';
import type { Operation, Operations } from './operations.ts';

/** A thousand workers behind one gateway may each wait for a job, and beat meanwhile. */
export const CALLS_MAX = 2_000;

export type CallsOptions = {
  context: ApiContext;
  operations: Operations;
  /** Says them to the caller. */
  answer: (texts: readonly string[]) => void;
  log: (level: 'error', message: string) => void;
};

export class Calls {
  readonly #options: CallsOptions;
  readonly #under_way = new Set<Call>();
  #stopping = false;
  #onIdle: (() => void)[] = [];
  /** Answers of this turn of the event loop: they leave together at its end. */
  #answers: string[] = [];

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  /** Never throws. */
  take(asked: CallRequest): void {
    const call = new Call(asked);
    let running: Promise<unknown>;
    try {
      this.#assertFree();
      call.operation = this.#options.operations.find(asked.operation);
      running = call.operation.run(this.#options.context, asked, call);
    } catch (error) {
      return this.#refuse(call, error);
    }
    this.#under_way.add(call);
    running.then(
      (body) => {
        if (asked.id !== undefined) this.#tell(answer(asked.id, call.status, body));
        this.#end(call);
      },
      (error: unknown) => {
        this.#refuse(call, error);
        this.#end(call);
      },
    );
  }

  /** Nobody waits for the answer to this one any more; it is answered all the same. */
  cancel(id: string): void {
    for (const call of this.#under_way) if (call.message.id === id) call.leave();
  }

  /** Nobody is there any more. */
  end(): void {
    for (const call of this.#under_way) call.leave();
  }

  /** Takes no more; resolves when all that were taken have been answered. */
  finish(): Promise<void> {
    this.#stopping = true;
    return new Promise((resolve) => {
      if (this.#under_way.size === 0) resolve();
      else this.#onIdle.push(resolve);
    });
  }

  #end(call: Call): void {
    this.#under_way.delete(call);
    if (this.#under_way.size > 0 || this.#onIdle.length === 0) return;
    this.#leave();
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  #tell(text: string): void {
    // After all promises that are settled now; an immediate would come a whole turn later.
    if (this.#answers.length === 0) process.nextTick(() => this.#leave());
    this.#answers.push(text);
  }

  #leave(): void {
    const answers = this.#answers;
    this.#answers = [];
    this.#options.answer(answers);
  }

  #assertFree(): void {
    if (this.#stopping) throw new MonitorError('unavailable', 'stopping', 'this instance is stopping', RETRY);
    if (this.#under_way.size < CALLS_MAX) return;
    throw new MonitorError('busy', 'too_many_calls', `a connection has at most ${CALLS_MAX} calls under way`, {
      hint: 'Wait for answers before you send more, or open another connection. Nothing of this call was done.',
      ...RETRY,
    });
  }

  #refuse(call: Call, cause: unknown): void {
    const error = asMonitorError(cause);
    const { id, operation } = call.message;
    logFault(error, `${operation} (${call.request_id})`, this.#options.log);
    const { type: _, title: __, ...problem } = toProblem(error, call.request_id);
    const { retry_after_seconds } = error;
    const unknown = error.code === 'outcome_unknown' && call.idempotency_key !== null;
    this.#tell(
      JSON.stringify({
        type: 'error',
        ...(id === undefined ? {} : { id }),
        operation,
        ...problem,
        ...(retry_after_seconds === undefined ? {} : { retry_after_seconds }),
        ...(unknown ? { idempotency_key: call.idempotency_key } : {}),
      }),
    );
  }
}

const RETRY = { retry_after_seconds: 1 };

const answer = (id: string, status: number, body: unknown): string =>
  `{"type":"answer","id":${JSON.stringify(id)},"status":${status},"body":${JSON.stringify(body) ?? 'null'}}`;

let calls = 0;

/** One call: who asks, and the status of its answer. Headers are HTTP's. */
class Call implements Caller, Reply {
  readonly message: CallRequest;
  readonly has = undefined;
  readonly #number = ++calls;
  idempotency_key: string | null = null;
  operation: Operation | null = null;
  status = 200;
  #gone: AbortController | null = null;
  #left = false;

  constructor(message: CallRequest) {
    this.message = message;
  }

  /** Made for those that look at it. */
  get gone(): AbortSignal {
    this.#gone ??= new AbortController();
    if (this.#left) this.#gone.abort('gone');
    return this.#gone.signal;
  }

  leave(): void {
    this.#left = true;
    this.#gone?.abort('gone');
  }

  get request_id(): string {
    return `call-${this.#number.toString(36)}`;
  }

  get given_key(): string | undefined {
    return this.message.idempotency_key;
  }

  get asked(): [string, string, unknown] {
    const { message, operation } = this;
    return [operation!.method, operation!.url(message), message.body ?? null];
  }

  code(status: number): this {
    this.status = status;
    return this;
  }

  header(): this {
    return this;
  }
}
