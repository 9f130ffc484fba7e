/**
 * The calls of one WebSocket: operations of the API, each a message with an `id` that its answer repeats.
 *
 *     accepted → runs concurrently → answered (if it has an id) or refused → done
 *
 * Calls start in the order of their messages and end independently: a waiting claim delays nothing. A call beyond
 * CALLS_MAX is refused without effect. When the socket closes, waiting ends, as it does when an HTTP connection closes;
 * submitted commands are committed, and a call repeated with its key returns the first result.
 */
import { MonitorError } from '../../../protocol/errors.ts';
import type { CallRequest } from '../../../protocol/feed.ts';
import { assertMay } from '../../access/check.ts';
import { countedAs, type Subject } from '../../access/subject.ts';
import type { Caller, Reply } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { asMonitorError, logFault, toProblem } from '../errors.ts';
import type { RefusalLog } from '../http/refusals.ts';
import type { Operation, Operations } from './operations.ts';

/** Enough for a thousand workers behind one gateway, each with a waiting claim and a heartbeat. */
export const CALLS_MAX = 2_000;

export type CallsOptions = {
  context: ApiContext;
  /** Whose calls these are, and from where. */
  subject: Subject;
  address: string;
  operations: Operations;
  /** Sends answers to the caller. */
  sendAnswers: (texts: readonly string[]) => void;
  log: (level: 'error', message: string) => void;
  refusals: Pick<RefusalLog, 'note'>;
};

export class Calls {
  readonly #options: CallsOptions;
  readonly #under_way = new Set<Call>();
  #stopping = false;
  #onIdle: (() => void)[] = [];
  /** Answers of this turn of the event loop, sent together at its end. */
  #answers: string[] = [];

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  /** Never throws. */
  take(request: CallRequest): void {
    const { context, subject, address } = this.#options;
    const call = new Call(request, { subject, address });
    let running: Promise<unknown>;
    try {
      this.#assertFree();
      call.operation = this.#options.operations.find(request.operation);
      const counted = countedAs(subject);
      if (counted !== null) context.limits.take('key', counted);
      assertMay(subject, {
        permission: call.operation.permission,
        what: request.operation,
        worker_id: request.params?.worker_id as string | undefined,
      });
      running = call.operation.run(context, request, call);
    } catch (error) {
      return this.#refuse(call, error);
    }
    this.#under_way.add(call);
    running.then(
      (body) => {
        if (request.id !== undefined) this.#send(answerTo(request.id, call.status, body));
        this.#end(call);
      },
      (error: unknown) => {
        this.#refuse(call, error);
        this.#end(call);
      },
    );
  }

  /** Ends the waiting of a call, which still gets its answer. */
  cancel(id: string): void {
    for (const call of this.#under_way) if (call.message.id === id) call.abandon();
  }

  /** Ends the waiting of all calls: the socket has closed. */
  end(): void {
    for (const call of this.#under_way) call.abandon();
  }

  /** Refuses further calls; resolves when all accepted ones are complete. */
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
    this.#flush();
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  #send(text: string): void {
    // Runs after all promises that are settled now; setImmediate would run a whole turn later.
    if (this.#answers.length === 0) process.nextTick(() => this.#flush());
    this.#answers.push(text);
  }

  #flush(): void {
    const answers = this.#answers;
    this.#answers = [];
    this.#options.sendAnswers(answers);
  }

  #assertFree(): void {
    if (this.#stopping) throw new MonitorError('unavailable', 'stopping', 'this instance is stopping', RETRY);
    if (this.#under_way.size < CALLS_MAX) return;
    throw new MonitorError('busy', 'too_many_calls', `a connection has at most ${CALLS_MAX} calls under way`, {
      hint: 'Wait for replies before you send more, or open another connection. This call had no effect.',
      ...RETRY,
    });
  }

  #refuse(call: Call, cause: unknown): void {
    const error = asMonitorError(cause);
    const { id, operation } = call.message;
    const { subject, address, request_id } = call;
    const request = { method: 'CALL', url: operation, id: request_id, ip: address, headers: {}, subject };
    this.#options.refusals.note(error, request);
    logFault(error, `${operation} (${call.request_id})`, this.#options.log);
    const { type: _, title: __, ...problem } = toProblem(error, call.request_id);
    const { retry_after_seconds } = error;
    const unknown = error.code === 'outcome_unknown' && call.idempotency_key !== null;
    this.#send(
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

const answerTo = (id: string, status: number, body: unknown): string =>
  `{"type":"answer","id":${JSON.stringify(id)},"status":${status},"body":${JSON.stringify(body) ?? 'null'}}`;

let calls = 0;

/** One call: its caller, and the status of its answer. Headers exist only over HTTP and are dropped. */
class Call implements Caller, Reply {
  readonly message: CallRequest;
  readonly subject: Subject;
  readonly address: string;
  readonly if_none_match = undefined;
  readonly traceparent = undefined;
  readonly #number = ++calls;
  idempotency_key: string | null = null;
  operation: Operation | null = null;
  status = 200;
  #gone: AbortController | null = null;
  #abandoned = false;

  constructor(message: CallRequest, { subject, address }: Pick<CallsOptions, 'subject' | 'address'>) {
    this.message = message;
    this.subject = subject;
    this.address = address;
  }

  /** Created on first use. */
  get signal(): AbortSignal {
    this.#gone ??= new AbortController();
    if (this.#abandoned) this.#gone.abort('gone');
    return this.#gone.signal;
  }

  abandon(): void {
    this.#abandoned = true;
    this.#gone?.abort('gone');
  }

  get request_id(): string {
    return `call-${this.#number.toString(36)}`;
  }

  get sent_key(): string | undefined {
    return this.message.idempotency_key;
  }

  get content(): [string, string, unknown] {
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
