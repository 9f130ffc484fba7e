/**
 * A job's changes, from now to its end, across restarts of the monitor.
 *
 * Gets the job once, which fails as any call does, then follows it on the live feed, so that no change is missed.
 * Without a feed, over WebSocket or server-sent events, it polls with `If-None-Match`, so that an unchanged job costs an
 * empty response. Once the job has been read, it waits for a monitor that is away.
 */
import type { JobChanged, JobNow, JobReported } from '../../protocol/feed-messages.ts';
import type { Job, JobStateName } from '../../protocol/job.ts';
import { endable } from './endable.ts';
import { FeedUnavailableError, NoAnswerError, RefusedError } from './errors.ts';
import type { Feed } from './feed.ts';
import { type JobWithId, withId } from './job-with-id.ts';
import { segment, type Transport, waitFor } from './transport.ts';

export type JobUpdate = {
  state: JobStateName;
  /** 0 to 100. */
  percentage: number;
  /** `DOWNLOADING`, `TRANSCRIBING`, `UPLOADING`; null before a worker reports. */
  stage: string | null;
  /** The job, with this state and progress; its other fields may be newer. */
  job: JobWithId;
};

export type WatchOptions = {
  /** Ends the watch, which rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Polling interval if there is no live feed. Default 500. */
  pollMs?: number | undefined;
  /** Called each time the monitor goes away, and with null once it is back. */
  onAway?: ((error: Error | null) => void) | undefined;
};

const POLL_MS = 500;
const AWAY_POLL_MS_MAX = 5_000;

/** Yields the job now, then each change of state, stage, percentage or verdict; ends after COMPLETED, FAILED or CANCELLED. */
export function watchJob(
  parts: { transport: Transport; feed: Feed },
  jobId: string,
  options: WatchOptions = {},
): AsyncGenerator<JobUpdate, void, void> {
  return endable((signal) => watching(parts, jobId, { ...options, signal }), options.signal);
}

async function* watching(
  { transport, feed }: { transport: Transport; feed: Feed },
  jobId: string,
  given: WatchOptions,
): AsyncGenerator<JobUpdate, void, void> {
  const options = { ...given, onAway: oncePerChange(given.onAway) };
  const question = new Question(transport, jobId, options);
  const changes = new Changes();
  let job = (await question.ask())!;
  yield* changes.of(job);
  try {
    if (!ended(job)) {
      const since = { seq: job.as_of_seq + 1, index: -1 };
      const { signal, onAway } = options;
      const followed = feed.follow({ resource: 'job', job_id: jobId }, { since, signal, onAway, attempts: 1 });
      for await (const event of followed) {
        // A progress event carries everything it changes; any other needs the job again.
        if (!isProgress(event)) job = (await question.insist()) ?? job;
        job = jobAsOf(job, event);
        yield* changes.of(job);
        if (ended(job)) return;
      }
    }
  } catch (error) {
    if (!(error instanceof FeedUnavailableError)) throw error;
  }
  while (!ended(job)) {
    await question.pause();
    job = (await question.insist()) ?? job;
    yield* changes.of(job);
  }
}

/** The feed and the poll may both find out that the monitor is away. */
function oncePerChange(onAway: WatchOptions['onAway']): NonNullable<WatchOptions['onAway']> {
  let away = false;
  return (error) => {
    if (away === (error !== null)) return;
    away = error !== null;
    onAway?.(error);
  };
}

/** Whether each state ends a job. */
const FINAL: Readonly<Record<JobStateName, boolean>> = {
  SUBMITTED: false,
  QUEUED: false,
  PROCESSING: false,
  CANCELLING: false,
  COMPLETED: true,
  FAILED: true,
  CANCELLED: true,
};

/** A newer monitor may have other states, and says which of them are final. */
const ended = ({ state, final }: Job): boolean => FINAL[state] ?? final;

/** Whether the event carries everything that it changes. */
export function isProgress(event: JobNow | JobChanged | JobReported): boolean {
  return event.type === 'progress' || (event.type === 'update' && event.event === 'JobProgressed');
}

/** The job updated with an event of the feed. */
export function jobAsOf(job: JobWithId, event: JobNow | JobChanged | JobReported): JobWithId {
  const { state, percentage, stage, current_chunk, total_chunks, eta_seconds, attempt } = event;
  const { progress, retry_info } = job;
  const same = attempt === undefined || attempt === retry_info.attempt;
  return withId({
    ...job,
    state,
    progress: {
      percentage: percentage ?? progress.percentage,
      stage: stage ?? (same ? progress.stage : null),
      current_chunk: current_chunk ?? (same ? progress.current_chunk : null),
      total_chunks: total_chunks ?? (same ? progress.total_chunks : null),
      eta_seconds: eta_seconds ?? (same ? progress.eta_seconds : null),
    },
    retry_info: { ...retry_info, attempt: attempt ?? retry_info.attempt },
  });
}

/** Filters out changes that have been reported already. */
class Changes {
  #told = '';

  *of(job: JobWithId): Generator<JobUpdate, void, void> {
    const { percentage, stage } = job.progress;
    // Older monitors give no verdict.
    const now = JSON.stringify([job.state, percentage, stage, job.retry_info.attempt, job.verdict?.status]);
    if (now !== this.#told) yield { state: job.state, percentage, stage, job };
    this.#told = now;
  }
}

type Asking = WatchOptions & { onAway: NonNullable<WatchOptions['onAway']> };

/** Polls `GET /jobs/{id}`. */
class Question {
  readonly #transport: Transport;
  readonly #jobId: string;
  readonly #options: Asking;
  #etag: string | undefined;
  #awayFor = 0;

  constructor(transport: Transport, jobId: string, options: Asking) {
    this.#transport = transport;
    this.#jobId = jobId;
    this.#options = options;
  }

  /** The job; undefined if it has not changed since the last call. */
  async ask(): Promise<JobWithId | undefined> {
    const answer = await this.#transport.answer({
      method: 'GET',
      path: `/jobs/${segment(this.#jobId)}`,
      signal: this.#options.signal,
      headers: this.#etag === undefined ? {} : { 'if-none-match': this.#etag },
    });
    if (answer.status === 304) return undefined;
    this.#etag = answer.headers.get('etag') ?? undefined;
    return withId(JSON.parse(answer.text) as Job);
  }

  /** The same, but waits for a monitor that is away. */
  async insist(): Promise<JobWithId | undefined> {
    for (;;) {
      try {
        const job = await this.ask();
        this.#options.onAway(null);
        this.#awayFor = 0;
        return job;
      } catch (error) {
        if (!isAway(error)) throw error;
        this.#options.onAway(error);
        this.#awayFor += 1;
      }
      await this.pause();
    }
  }

  pause(): Promise<void> {
    const { pollMs = POLL_MS, signal } = this.#options;
    const longerMs = Math.min(AWAY_POLL_MS_MAX, pollMs * this.#awayFor);
    return waitFor(this.#transport.random() * longerMs + pollMs, signal);
  }
}

function isAway(error: unknown): error is Error {
  return error instanceof NoAnswerError || (error instanceof RefusedError && (error.status ?? 0) >= 500);
}
