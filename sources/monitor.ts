/** `http(s)://…`: the jobs and queues of a monitor, over its REST API, with `TMON_API_KEY` if it needs a key. */
import type { Job, JobStateName } from '../protocol/job.ts';
import type { Queue } from '../protocol/queue.ts';
import { reportedId } from '../protocol/reported-id.ts';
import type { SightedState, Sighting } from '../protocol/sighting.ts';
import type { FollowedSource } from '../protocol/source.ts';
import type { SystemHealth } from '../protocol/system.ts';
import { DAY_MS, formatTime, parseTime } from '../protocol/time.ts';
import type { Worker } from '../protocol/worker.ts';
import { followedName } from './check/followed.ts';
import {
  type Heartbeat,
  type QueueDepth,
  type Reading,
  type ReadOptions,
  type Source,
  type SourceAlert,
  SourceError,
} from './source.ts';

const PAGE = 1000;
const ANSWER_WITHIN_MS = 20_000;
/** A job may fail so long after it was submitted. */
const FAILS_WITHIN_MS = 7 * DAY_MS;

/** Cancelled jobs are ignored. One that is being cancelled is still running. */
const STATES: Partial<Record<JobStateName, SightedState>> = {
  SUBMITTED: 'QUEUED',
  QUEUED: 'QUEUED',
  PROCESSING: 'PROCESSING',
  CANCELLING: 'PROCESSING',
  COMPLETED: 'COMPLETED',
  FAILED: 'FAILED',
};

const CLOSED: ReadonlySet<SightedState> = new Set(['COMPLETED', 'FAILED']);

export class Monitor implements Source {
  readonly name: string;
  readonly #base: string;
  readonly #key: string | undefined;
  /** When the jobs that run elsewhere were last reported, by worker. */
  #reported = new Map<string, number>();

  constructor(url: string, { name, key }: { name: string; key?: string | undefined }) {
    this.name = name;
    const { username, password, origin, pathname } = new URL(url);
    this.#base = `${origin}${pathname.replace(/\/+$/, '')}/api/v1`;
    this.#key = key || decodeURIComponent(password || username) || undefined;
  }

  /** All unfinished jobs; of completed ones those submitted since that time, and all that failed since then. */
  async *read({ since_ms, signal }: ReadOptions): AsyncIterable<Reading> {
    this.#reported = new Map();
    for (const [state, sighted] of Object.entries(STATES)) {
      const query = new URLSearchParams({ state, limit: String(PAGE) });
      const after_ms = sighted === 'FAILED' ? since_ms - FAILS_WITHIN_MS : since_ms;
      if (CLOSED.has(sighted) && after_ms > 0) query.set('created_after', formatTime(after_ms));
      for (let cursor: string | null = ''; cursor !== null; ) {
        if (cursor !== '') query.set('cursor', cursor);
        const page: { items: Job[]; next_cursor: string | null } = await this.#get(`/jobs?${query}`, signal);
        const sightings = page.items.map((job) => sightingOf(job, sighted));
        const told_by = new Map(page.items.flatMap((job) => this.#toldBy(job)));
        for (const { job_id, worker_id, told_ms } of sightings) {
          if (worker_id === null || !told_by.has(job_id)) continue;
          this.#reported.set(worker_id, Math.max(told_ms, this.#reported.get(worker_id) ?? 0));
        }
        yield {
          sightings: sightings.filter(
            ({ ended_ms, told_ms }) => sighted !== 'FAILED' || (ended_ms ?? told_ms) >= since_ms,
          ),
          told_by,
          position: null,
          unreadable: [],
          looked_at: page.items.length,
          without_zone: false,
          async done() {},
        };
        cursor = page.next_cursor;
      }
    }
  }

  async depth(signal: AbortSignal): Promise<QueueDepth> {
    const [main, dead] = await Promise.all([
      this.#get<Queue>('/queues/main', signal),
      this.#get<Queue>('/queues/dlq', signal),
    ]);
    return {
      waiting: main.messages_visible + main.messages_delayed,
      in_flight: main.messages_inflight,
      oldest_seconds: main.age_oldest_message,
      dead_letters: dead.messages_visible,
    };
  }

  async alerts(signal: AbortSignal): Promise<SourceAlert[]> {
    const health = await this.#get<SystemHealth>('/system/health', signal);
    return health.alerts
      .filter(({ severity }) => severity !== 'INFO')
      .map(({ id, message, severity }) => ({ id, message: `${severity}: ${message}` }));
  }

  /**
   * A worker that the monitor knows only from reports sends none: it is judged by its reports, as in the source they come from. To be
   * called after `read`.
   */
  async heartbeats(signal: AbortSignal): Promise<Map<string, Heartbeat>> {
    const heartbeats = new Map<string, Heartbeat>();
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query = new URLSearchParams({ limit: String(PAGE), ...(cursor === '' ? {} : { cursor }) });
      const page: { items: Worker[]; next_cursor: string | null } = await this.#get(`/workers?${query}`, signal);
      for (const { worker_id, state, last_heartbeat, health } of page.items) {
        if (last_heartbeat === null) continue;
        const heard_ms = parseTime(last_heartbeat);
        if (heard_ms <= (this.#reported.get(worker_id) ?? 0)) continue;
        const healthy = state !== 'TERMINATED' && health.status !== 'UNHEALTHY';
        heartbeats.set(worker_id, { heard_ms, healthy });
      }
      cursor = page.next_cursor;
    }
    return heartbeats;
  }

  async follows(signal: AbortSignal): Promise<FollowedSource[]> {
    return (await this.#get<{ items: FollowedSource[] }>('/sources', signal)).items;
  }

  async close(): Promise<void> {}

  /** A job that runs elsewhere has its source in a tag. */
  #toldBy({ job_id, tags, metadata: { source } }: Job): [string, string][] {
    const tag = `source:${source}`;
    const told = source !== undefined && tags.some((one) => one.startsWith('source:') && tag.startsWith(one));
    return told ? [[job_id, followedName(this.name, source)]] : [];
  }

  async #get<T>(path: string, signal: AbortSignal): Promise<T> {
    let answer: Response;
    try {
      answer = await fetch(`${this.#base}${path}`, {
        headers: this.#key === undefined ? {} : { authorization: `Bearer ${this.#key}` },
        signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
      });
    } catch (error) {
      if (signal.aborted) throw error;
      const { cause, message } = error as Error;
      const { code, message: why } = (cause ?? {}) as NodeJS.ErrnoException;
      const says = `${this.name}: no response: ${why || code || message}`;
      throw new SourceError('unreachable', says, { hint: 'tmon serve starts a monitor', cause: error });
    }
    if (answer.status === 401 || answer.status === 403) {
      const hint = 'set TMON_API_KEY to a key with read access';
      throw new SourceError('denied', `${this.name}: access denied (${answer.status})`, { hint });
    }
    const body = await answer.json().catch(() => undefined);
    if (answer.ok && typeof body === 'object' && body !== null) return body as T;
    const detail = (body as { detail?: string } | undefined)?.detail ?? 'not a response of a monitor';
    const kind = answer.status >= 500 ? 'unreachable' : 'unusable';
    throw new SourceError(kind, `${this.name}: HTTP ${answer.status}: ${detail}`, {
      hint: 'see tmon doctor --server URL',
    });
  }
}

function sightingOf(job: Job, state: SightedState): Sighting {
  const time = (value: string | null) => (value === null ? null : parseTime(value));
  const error = job.retry_info.last_error;
  const name = reportedId(job.metadata.reported_id);
  return {
    // Other metadata of that name is its submitter's.
    ...(name?.job_id === job.job_id ? name : { job_id: job.job_id }),
    state,
    told_ms: parseTime(job.updated_at),
    worker_id: job.worker?.worker_id ?? null,
    started_ms: time(job.started_at),
    ended_ms: CLOSED.has(state) ? time(job.completed_at) : null,
    // A monitor says 0 also of a job about which nothing was reported.
    percentage: job.progress.percentage === 0 && job.progress.stage === null ? null : job.progress.percentage,
    stage: job.progress.stage,
    audio_duration: job.input.duration_seconds,
    duration: job.performance.processing_time_seconds,
    segments: state === 'COMPLETED' ? job.output.segments_count : null,
    s3_path: job.output.s3_path,
    error: state === 'FAILED' && error !== null ? `${error.code}: ${error.message}` : null,
  };
}
