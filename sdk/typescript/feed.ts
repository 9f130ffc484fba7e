/**
 * `api.feed`: live changes. Reconnects and resumes from its position: no event is lost or repeated.
 *
 *     for await (const event of api.feed.follow({ resource: 'jobs', filter: { state: 'FAILED' } })) …
 *     for await (const event of api.feed.follow({ resource: 'job', job_id, since: lastEvent })) …
 *
 * The first event is the current state (`type: 'state'`), unless `since` sets a position to start from; changes
 * (`update`) follow. Progress that waits long for the journal comes first as `progress`. A `reset` is the current state after an absence so long that the missed events are no longer
 * available. docs/feed.md lists the events.
 */
import type { FeedPosition } from '../../protocol/feed.ts';
import type {
  AlertChanged,
  AlertsNow,
  FeedError,
  FeedEvent,
  JobChanged,
  JobNow,
  JobReported,
  JobsNow,
  QueueNow,
  SystemNow,
  WorkerChanged,
  WorkerNow,
  WorkersNow,
} from '../../protocol/feed-messages.ts';
import { endable } from './endable.ts';
import { type ApiError, type FeedUnavailableError, refusalOfFeed } from './errors.ts';
import { FeedConnection, type Follower, type Target } from './feed-connection.ts';
import type { Transport } from './transport.ts';

export type FollowOptions = {
  /** An event, or any position: the feed starts after it. */
  since?: FeedPosition | undefined;
  /** Ends the loop, which rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Called each time the feed can't be reached, and with null once it is back. */
  onAway?: ((error: ApiError | null) => void) | undefined;
  /**
   * Attempts to connect for the first time before FeedUnavailableError. Default 5; later it reconnects without limit.
   */
  attempts?: number | undefined;
};

/** The event types of each resource. */
export type FeedEvents = {
  job: JobNow | JobChanged | JobReported;
  jobs: JobsNow | JobChanged | JobReported;
  worker: WorkerNow | WorkerChanged;
  workers: WorkersNow | WorkerChanged;
  alerts: AlertsNow | AlertChanged;
  queue: QueueNow;
  system: SystemNow;
};

export type FollowTarget<R extends keyof FeedEvents = keyof FeedEvents> = Target & { resource: R };

const ATTEMPTS = 5;
/** Events held for a slow loop; beyond these it is unsubscribed until it has caught up. */
const WAITING_MAX = 10_000;

export class Feed {
  readonly #transport: Transport;
  readonly #connections = new Set<FeedConnection>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * All loops share one connection; leaving a loop unsubscribes. Throws FeedUnavailableError if
   * neither a WebSocket nor server-sent events get through, NotFoundError, InvalidRequestError.
   */
  follow<R extends keyof FeedEvents>(
    target: FollowTarget<R>,
    options: FollowOptions = {},
  ): AsyncGenerator<FeedEvents[R], void, void> {
    return endable((signal) => this.#follow(target, { ...options, signal }), options.signal);
  }

  async *#follow<R extends keyof FeedEvents>(
    target: FollowTarget<R>,
    { signal, since, onAway, attempts = ATTEMPTS }: FollowOptions & { signal: AbortSignal },
  ): AsyncGenerator<FeedEvents[R], void, void> {
    signal.throwIfAborted();
    const { resource, job_id, worker_id, filter } = target;
    const one: Target = {
      resource,
      ...(job_id === undefined ? {} : { job_id }),
      ...(worker_id === undefined ? {} : { worker_id }),
      ...(filter === undefined ? {} : { filter }),
    };
    const position = since && { seq: since.seq, index: since.index };
    const connection = this.#connectionFor(one);
    const following = new Following(one, position, { connection, onAway, attempts });
    const onAbort = () => following.fail(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    connection.add(following);
    try {
      for (;;) yield (await following.next()) as FeedEvents[R];
    } finally {
      signal.removeEventListener('abort', onAbort);
      connection.remove(following);
    }
  }

  #connectionFor(target: Target): FeedConnection {
    for (const connection of this.#connections) {
      const free = [...connection.followers].every((other) => !meet(other.target, target));
      if (free && !connection.full) return connection;
    }
    const connection: FeedConnection = new FeedConnection(this.#transport, () => this.#connections.delete(connection));
    this.#connections.add(connection);
    return connection;
  }
}

/** Whether one message could belong to both. */
function meet(a: Target, b: Target): boolean {
  if (a.resource.replace(/s$/, '') !== b.resource.replace(/s$/, '')) return false;
  return a.resource !== b.resource || (a.job_id === b.job_id && a.worker_id === b.worker_id);
}

type FollowingOptions = Pick<FollowOptions, 'onAway'> & { connection: FeedConnection; attempts: number };

/** One loop: the events that have arrived and not been read yet. */
class Following implements Follower {
  readonly target: Target;
  readonly #options: FollowingOptions;
  #waiting: FeedEvent[] = [];
  #taken = 0;
  #position: FeedPosition | undefined;
  /** The feed has been reached once: from then on, keep reconnecting. */
  #reached = false;
  #away = false;
  #paused = false;
  #error: { reason: unknown } | null = null;
  #wake: (() => void) | null = null;

  constructor(target: Target, since: FeedPosition | undefined, options: FollowingOptions) {
    this.target = target;
    this.#position = since;
    this.#options = options;
  }

  get position(): FeedPosition | undefined {
    return this.#position;
  }

  get paused(): boolean {
    return this.#paused;
  }

  wants(event: FeedEvent): boolean {
    const { resource, job_id, worker_id } = this.target;
    if (job_id !== undefined) return 'job_id' in event && event.job_id === job_id;
    if (worker_id !== undefined)
      return 'worker_id' in event && event.resource === 'worker' && event.worker_id === worker_id;
    return event.resource === resource || `${event.resource}s` === resource;
  }

  take(event: FeedEvent): void {
    const { seq, index } = event;
    this.#position = { seq, index };
    this.#waiting.push(event);
    this.#wake?.();
    if (this.#waiting.length - this.#taken < WAITING_MAX) return;
    this.#paused = true;
    this.#options.connection.pause(this);
  }

  refuse(error: FeedError): void {
    this.fail(refusalOfFeed(error));
  }

  away(failures: number, error: FeedUnavailableError | null): void {
    const { attempts, onAway } = this.#options;
    if (error === null) this.#reached = true;
    else if (!this.#reached && failures >= attempts) return this.fail(error);
    if (this.#away === (error !== null)) return;
    this.#away = error !== null;
    onAway?.(error);
  }

  fail(reason: unknown): void {
    this.#error ??= { reason };
    this.#wake?.();
  }

  async next(): Promise<FeedEvent> {
    for (;;) {
      if (this.#error) throw this.#error.reason;
      if (this.#taken < this.#waiting.length) return this.#waiting[this.#taken++]!;
      this.#waiting = [];
      this.#taken = 0;
      if (this.#paused) {
        this.#paused = false;
        this.#options.connection.subscribe(this);
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
  }
}
