/**
 * All that the page knows of the monitor: documents that it has fetched, kept current by the feed. One connection, four
 * subscriptions; nothing is polled. After a loss of the connection the feed resumes at its position.
 */
import type { Alert } from '../../../protocol/alert.ts';
import type { FeedEvent } from '../../../protocol/feed-messages.ts';
import type { Job } from '../../../protocol/job.ts';
import type { Queue } from '../../../protocol/queue.ts';
import type { Session } from '../../../protocol/session.ts';
import type { SystemHealth } from '../../../protocol/system.ts';
import type { Worker } from '../../../protocol/worker.ts';
import { ApiError, type FeedEvents, NotFoundError, TranscriptionAPI } from '../../../sdk/typescript/index.ts';
import { browserFrame, Frames } from './frames.ts';
import { BACKGROUND, followPresence } from './presence.ts';
import { Records, Value } from './records.ts';
import { withAlertMessage } from './reduce-alert.ts';
import { ended, type JobMessage, withMessage } from './reduce-job.ts';
import { withJobOfWorker, withWorkerMessage } from './reduce-worker.ts';
import { Wanted } from './wanted.ts';

export type Connection = { state: 'connecting' | 'live' | 'away'; since_ms: number; seq: number };

/** A job that has not ended, as far as the feed says it. */
export type ActiveJob = { state: Job['state']; verdict: NonNullable<Job['verdict']>['status']; since: string | null };

export type JobListener = (message: JobMessage) => void;

/** For tests. */
type LiveOptions = {
  api?: TranscriptionAPI;
  /** What somebody at the page makes it ask; `api` by default. */
  present?: TranscriptionAPI;
  nextFrame?: (run: () => void) => void;
  leave?: () => void;
};

const AGAIN_MS = 2_000;

/** Whether the page can show anything. */
export const mayEnter = ({ keys_required, signed_in }: Session): boolean => signed_in || !keys_required;

export class Live {
  readonly origin: string;
  readonly api: TranscriptionAPI;
  readonly connection = new Value<Connection>({ state: 'connecting', since_ms: Date.now(), seq: 0 });
  /** Who uses the page, and what they may do; null until it is known. */
  readonly session = new Value<Session | null>(null);
  /** Documents that were fetched, by id. */
  readonly jobs = new Records<Job>();
  /** Jobs that have not ended: at most 1,000 at first, running ones before waiting ones. */
  readonly active = new Records<ActiveJob>();
  readonly workers = new Records<Worker>();
  readonly alerts = new Records<Alert>();
  readonly system = new Value<SystemHealth | null>(null);
  readonly queue = new Value<Queue | null>(null);
  /** Grows when events were missed for good: lists then load again. */
  readonly epoch = new Value(0);
  readonly #frames: Frames;
  readonly #listeners = new Set<JobListener>();
  readonly #wanted: Wanted;
  /** Messages that arrived while a document was on its way, which may not include them. */
  #meanwhile: JobMessage[] = [];
  #fetching = 0;
  #first = new Set<string>();
  #following = false;
  readonly #stop = new AbortController();
  /** Its requests are somebody's use of the session. */
  readonly #present: TranscriptionAPI;
  readonly #leave: () => void;

  constructor(origin: string, { api, present, nextFrame = browserFrame, leave = openAgain }: LiveOptions = {}) {
    this.origin = origin;
    this.#leave = leave;
    this.api = api ?? new TranscriptionAPI({ baseUrl: origin, retries: 2, headers: BACKGROUND });
    this.#present = present ?? api ?? new TranscriptionAPI({ baseUrl: origin, retries: 2 });
    this.#frames = new Frames(() => this.#flush(), nextFrame);
    this.#wanted = new Wanted((id) => this.#fetchJob(id));
  }

  /** Follows the feed once it is known that the page may. */
  start(): void {
    void this.#openSession();
  }

  /** Exchanges a key for a session, in a cookie that this page cannot read. */
  async signIn(apiKey: string): Promise<void> {
    const { origin } = this;
    const session = await new TranscriptionAPI({ baseUrl: origin, apiKey, retries: 1 }).session.create();
    // What is here was read with the rights of another.
    if (this.#following) return this.#leave();
    this.session.put(session);
    this.#followAll();
  }

  async signOut(): Promise<void> {
    // First: the monitor closes the connection of a session that ends, and a new one would be refused.
    this.stop();
    await this.api.session.end().finally(this.#leave);
  }

  async #openSession(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const session = await this.#present.session.get({ signal });
        this.session.put(session);
        if (mayEnter(session)) this.#followAll();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  /** Keeps the session from ending while somebody uses the page. */
  presentAt(target: EventTarget, now?: () => number): void {
    const keep = () => {
      if (this.session.get()?.expires_at) void this.#checkSession(this.#present);
    };
    const leave = followPresence(target, keep, now);
    this.#stop.signal.addEventListener('abort', leave);
  }

  /** A connection may be refused because the session is over. */
  async #checkSession(api = this.api): Promise<void> {
    const session = await api.session.get({ signal: this.#stop.signal, retries: 0 }).catch(() => null);
    if (session && !mayEnter(session)) this.session.put(session);
  }

  #followAll(): void {
    if (this.#following) return;
    this.#following = true;
    const permissions = this.session.get()?.permissions ?? [];
    if (permissions.includes('read')) void this.#follow('jobs', (message) => this.#jobs(message));
    if (!permissions.includes('fleet')) return;
    void this.#follow('system', (message) => this.system.set(message));
    void this.#follow('queue', (message) => this.queue.set(message));
    void this.#follow('workers', (message) => this.#workers(message));
    void this.#follow('alerts', (message) => this.#alerts(message));
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Called for each message about a job, before the records change. */
  onJob(listener: JobListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Fetches the job unless it is known. */
  want(job_id: string): void {
    if (!this.jobs.get(job_id)) this.#wanted.add(job_id);
  }

  /** Fetches the job again. */
  refresh(job_id: string): void {
    this.#wanted.add(job_id);
  }

  /** Fetches documents; those that the feed has since changed are kept current. */
  async fetching<T>(fetch: () => Promise<T>, documents: (result: T) => readonly Job[]): Promise<T> {
    this.#fetching += 1;
    try {
      const result = await fetch();
      this.#frames.add(() => {
        for (const job of documents(result)) this.#takeDocument(job);
      });
      return result;
    } finally {
      // After the frame that takes the documents.
      this.#frames.add(() => {
        this.#fetching -= 1;
        if (this.#fetching === 0) this.#meanwhile = [];
      });
    }
  }

  /** The result of a change that this page has made. */
  took(job: Job): void {
    this.#frames.add(() => this.#takeDocument(job));
  }

  tookWorker(worker: Worker): void {
    this.#frames.add(() => this.workers.set(worker.worker_id, worker));
  }

  tookAlert(alert: Alert): void {
    this.#frames.add(() => (alert.resolved_at ? this.alerts.delete(alert.id) : this.alerts.set(alert.id, alert)));
  }

  async #follow<R extends 'system' | 'queue' | 'jobs' | 'workers' | 'alerts'>(
    resource: R,
    take: (message: FeedEvents[R]) => void,
  ): Promise<void> {
    const onAway = (error: unknown) => {
      const { state, seq } = this.connection.get();
      const next = error === null ? 'live' : 'away';
      if (state !== next) this.connection.put({ state: next, since_ms: Date.now(), seq });
      if (error !== null) void this.#checkSession();
    };
    const { signal } = this.#stop;
    try {
      for await (const message of this.api.feed.follow<R>(
        { resource },
        { onAway, signal, attempts: Number.POSITIVE_INFINITY },
      )) {
        this.#frames.add(() => {
          this.#position(message);
          take(message);
        });
      }
    } catch (error) {
      // A key that may not follow this has a page without it.
      if (!signal.aborted && !(error instanceof ApiError)) throw error;
    }
  }

  #position({ seq }: FeedEvent): void {
    const { state, since_ms, seq: before } = this.connection.get();
    if (state === 'live' && seq <= before) return;
    this.connection.set({
      state: 'live',
      since_ms: state === 'live' ? since_ms : Date.now(),
      seq: Math.max(seq, before),
    });
  }

  #jobs(message: FeedEvents['jobs']): void {
    if (message.resource === 'jobs') {
      this.active.replace(message.items.map((item) => [item.job_id, activeOf(item)] as const));
      if (message.type === 'reset') this.#reset();
      for (const item of message.items) this.#update(item);
      return;
    }
    for (const listener of this.#listeners) listener(message);
    if (this.#fetching > 0) this.#meanwhile.push(message);
    const { job_id, state } = message;
    if (ended(state)) this.active.delete(job_id);
    else {
      const before = this.active.get(job_id);
      const { verdict } = message;
      if (!before || before.state !== state || verdict) this.active.set(job_id, activeOf(message));
    }
    const holder = this.jobs.get(job_id)?.worker?.worker_id ?? null;
    this.#update(message);
    this.#jobOfWorkers(message, holder);
    // The rest of the document, such as its history and costs, is not in the feed.
    const soft = message.type === 'progress' || message.event === 'JobProgressed';
    if (!soft && this.jobs.hasReaders(job_id)) this.#wanted.add(job_id);
  }

  #update(message: JobMessage): void {
    const job = this.jobs.get(message.job_id);
    if (job) this.jobs.set(message.job_id, withMessage(job, message));
  }

  #jobOfWorkers(message: JobMessage, holder: string | null): void {
    const { worker_id, job_id } = message;
    const named = worker_id ?? holder ?? this.#holderOf(job_id);
    const worker = named ? this.workers.get(named) : undefined;
    if (worker) this.workers.set(worker.worker_id, withJobOfWorker(worker, message));
  }

  #holderOf(job_id: string): string | null {
    for (const worker of this.workers.values()) if (worker.current_job?.job_id === job_id) return worker.worker_id;
    return null;
  }

  #workers(message: FeedEvents['workers']): void {
    if (message.resource === 'workers') {
      this.workers.replace(message.items.map((worker) => [worker.worker_id, worker] as const));
      return;
    }
    const { worker_id } = message;
    const next = withWorkerMessage(this.workers.get(worker_id), message);
    if (next) this.workers.set(worker_id, next);
    else void this.#fetchWorker(worker_id);
  }

  #alerts(message: FeedEvents['alerts']): void {
    if (message.resource === 'alerts') {
      this.alerts.replace(message.items.map((alert) => [alert.id, alert] as const));
      return;
    }
    const next = withAlertMessage(this.alerts.get(message.alert_id), message);
    if (next === null) this.alerts.delete(message.alert_id);
    else if (next) this.alerts.set(message.alert_id, next);
  }

  /** The events in between are gone: documents on view are fetched again, all others forgotten. */
  #reset(): void {
    const read = new Set(this.jobs.readIds());
    for (const [id] of [...this.jobs.entries()]) if (!read.has(id)) this.jobs.delete(id);
    for (const id of read) this.#wanted.add(id);
    this.epoch.set(this.epoch.get() + 1);
  }

  #takeDocument(document: Job): void {
    const known = this.jobs.get(document.job_id);
    if (known && known.as_of_seq > document.as_of_seq) return;
    let job = document;
    for (const message of this.#meanwhile) if (message.job_id === job.job_id) job = withMessage(job, message);
    this.jobs.set(job.job_id, job);
  }

  async #fetchJob(id: string): Promise<void> {
    try {
      await this.fetching(
        () => this.api.jobs.get(id, { signal: this.#stop.signal }),
        (job) => [job],
      );
    } catch (error) {
      if (error instanceof NotFoundError) this.#frames.add(() => this.jobs.delete(id));
    }
  }

  async #fetchWorker(worker_id: string): Promise<void> {
    if (this.#first.has(worker_id)) return;
    this.#first.add(worker_id);
    try {
      this.tookWorker(await this.api.workers.get(worker_id, { signal: this.#stop.signal }));
    } catch {
      // It is gone again, or the monitor is away; the next message about it tries again.
    } finally {
      this.#first.delete(worker_id);
    }
  }

  #flush(): void {
    this.jobs.flush();
    this.active.flush();
    this.workers.flush();
    this.alerts.flush();
    this.system.flush();
    this.queue.flush();
    this.epoch.flush();
    this.connection.flush();
  }
}

function activeOf({ state, verdict }: Pick<JobMessage, 'state' | 'verdict'>): ActiveJob {
  return { state, verdict: verdict?.status ?? 'on_track', since: verdict?.since ?? null };
}

/** A page that knows nothing of the session before. */
const openAgain = () => window.location.assign('/');

export function startLive(origin: string): Live {
  const live = new Live(origin);
  live.start();
  live.presentAt(window);
  return live;
}
