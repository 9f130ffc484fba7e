/** `api.jobs`: recordings to transcribe, from submission to transcript. */
import type { Static } from 'typebox';
import type { Erasure, ErasureAnswer, ErasureRequest } from '../../protocol/erasure.ts';
import type { Problem } from '../../protocol/errors.ts';
import type {
  CompletionReport,
  FailureReport,
  Job,
  JobProgressDocument as JobProgressDocumentSchema,
  JobSubmission,
  JobTimeline as JobTimelineSchema,
  ProgressReport,
} from '../../protocol/job.ts';
import type { Link, TranscriptLinkRequest } from '../../protocol/link.ts';
import { LOG_COMPLETE_HEADER, LOG_END_HEADER } from '../../protocol/log-limits.ts';
import type { JobQuery } from '../../protocol/queue.ts';
import type { JobToken, JobTokenRequest } from '../../protocol/session.ts';
import type { Transcript, TranscriptFormat, TranscriptWarning } from '../../protocol/transcript.ts';
import type { VerboseTranscript } from '../../protocol/verbose-transcript.ts';
import type { JobWhy } from '../../protocol/why.ts';
import { InvalidRequestError } from './errors.ts';
import type { Feed } from './feed.ts';
import { type JobWithId, withId } from './job-with-id.ts';
import { type Page, Pages } from './pages.ts';
import { type CallOptions, segment, type Transport, waitFor } from './transport.ts';
import { type JobUpdate, type WatchOptions, watchJob } from './watch.ts';

/** The progress of a job. */
export type JobProgressDocument = Static<typeof JobProgressDocumentSchema>;
/** Every state that the job has been in. */
export type JobTimeline = Static<typeof JobTimelineSchema>;

/**
 * The result of storing a transcript: the completion's `output`, and whether an earlier attempt had already stored one.
 */
export type StoredTranscript = {
  s3_path: string;
  segments_count: number;
  confidence_score: number | null;
  warnings: TranscriptWarning[];
  suspect: boolean;
  already_there: boolean;
};

/** The end of what the engine printed during an attempt. */
export type AttemptLog = {
  text: string;
  /** Where it ends: bytes since the beginning of the attempt. */
  endBytes: number;
  /** Nothing more will come. */
  complete: boolean;
};

export class Jobs {
  readonly #transport: Transport;
  readonly #feed: Feed;

  constructor(transport: Transport, feed: Feed) {
    this.#transport = transport;
    this.#feed = feed;
  }

  /** Submits a recording. Once this resolves, the job survives any crash. */
  async submit(submission: JobSubmission, options: CallOptions = {}): Promise<JobWithId> {
    return withId(
      await this.#transport.json({
        operation: { name: 'jobs.submit' },
        method: 'POST',
        path: '/jobs',
        body: submission,
        ...options,
      }),
    );
  }

  /**
   * Submits up to 1,000 recordings, at most 16 MiB as JSON; each result, in order, is a job or an error. Throws only if the
   * request as a whole is refused. Up to 1 MiB is one commit; of more, the jobs of later commits may have an error of their own.
   */
  async submitBatch(
    submissions: readonly JobSubmission[],
    options: CallOptions = {},
  ): Promise<(JobWithId | InvalidRequestError)[]> {
    const { jobs } = await this.#transport.json<{ jobs: ({ job: Job } | { error: Problem })[] }>({
      operation: { name: 'jobs.submitBatch' },
      method: 'POST',
      path: '/jobs/batch',
      body: { jobs: submissions },
      ...options,
    });
    return jobs.map((one) => ('job' in one ? withId(one.job) : new InvalidRequestError(one.error)));
  }

  async get(jobId: string, options: CallOptions = {}): Promise<JobWithId> {
    return withId(await this.#transport.json({ method: 'GET', path: pathOf(jobId), ...options }));
  }

  /** Newest first. `limit` is the page size, not the length of the list. */
  list(query: JobQuery = {}, options: CallOptions = {}): Pages<JobWithId> {
    return new Pages(async (cursor) => {
      const page = await this.#transport.json<Page<Job>>({
        method: 'GET',
        path: '/jobs',
        query: { ...query, cursor: cursor ?? query.cursor },
        ...options,
      });
      return { ...page, items: page.items.map(withId) };
    });
  }

  /** Yields the job now, then each change, until it ends. */
  watch(jobId: string, options: WatchOptions = {}): AsyncGenerator<JobUpdate, void, void> {
    return watchJob({ transport: this.#transport, feed: this.#feed }, jobId, options);
  }

  /** The job is CANCELLED at once if it waits, and CANCELLING while a worker holds it. */
  async cancel(jobId: string, options: CallOptions = {}): Promise<JobWithId> {
    return withId(await this.#transport.json({ method: 'DELETE', path: pathOf(jobId), ...options }));
  }

  /**
   * Erases the job and everything personal about it: recording, transcript, views, archive. Throws ConflictError
   * `job_running` while a worker holds it. The journal keeps its fields until `journal_until`. May be repeated.
   */
  erase(jobId: string, options: CallOptions = {}): Promise<Erasure> {
    return this.#transport.json({ method: 'DELETE', path: pathOf(jobId), query: { purge: true }, ...options });
  }

  /**
   * Erases the jobs that match a filter, up to `limit`; repeat it with `next_cursor` until that is null. `dry_run` only
   * returns their ids.
   */
  eraseMatching(request: ErasureRequest, options: CallOptions = {}): Promise<ErasureAnswer> {
    return this.#transport.json({ method: 'POST', path: '/jobs/erase', body: request, ...options });
  }

  /** A token that reads and follows this job and nothing else, for a browser. By default it counts for an hour. */
  createToken(jobId: string, request: JobTokenRequest = {}, options: CallOptions = {}): Promise<JobToken> {
    return this.#transport.json({ method: 'POST', path: `${pathOf(jobId)}/tokens`, body: request, ...options });
  }

  /** A link that opens the transcript of this job without a key, for at most seven days. */
  createLink(
    jobId: string,
    request: Omit<TranscriptLinkRequest, 'for'> = {},
    options: CallOptions = {},
  ): Promise<Link> {
    const body = { for: 'transcript', ...request };
    return this.#transport.json({ method: 'POST', path: `${pathOf(jobId)}/links`, body, ...options });
  }

  /** Returns a FAILED or CANCELLED job to the queue. */
  async retry(jobId: string, options: CallOptions = {}): Promise<JobWithId> {
    return withId(await this.#transport.json({ method: 'POST', path: `${pathOf(jobId)}/retry`, ...options }));
  }

  progress(jobId: string, options: CallOptions = {}): Promise<JobProgressDocument> {
    return this.#transport.json({ method: 'GET', path: `${pathOf(jobId)}/progress`, ...options });
  }

  timeline(jobId: string, options: CallOptions = {}): Promise<JobTimeline> {
    return this.#transport.json({ method: 'GET', path: `${pathOf(jobId)}/timeline`, ...options });
  }

  /** Why the job waits, is slow, has failed or costs what it costs, and the call that helps. */
  why(jobId: string, options: CallOptions = {}): Promise<JobWhy> {
    return this.#transport.json({ method: 'GET', path: `${pathOf(jobId)}/why`, ...options });
  }

  /**
   * The transcript of a completed job: an object, also in the form of OpenAI's API (`verbose_json`), or rendered as `text`, `srt`
   * or `vtt`.
   */
  transcript(jobId: string, format?: 'json', options?: CallOptions): Promise<Transcript>;
  transcript(jobId: string, format: 'verbose_json', options?: CallOptions): Promise<VerboseTranscript>;
  transcript(jobId: string, format: 'text' | 'srt' | 'vtt', options?: CallOptions): Promise<string>;
  transcript(
    jobId: string,
    format: TranscriptFormat,
    options?: CallOptions,
  ): Promise<Transcript | VerboseTranscript | string>;
  async transcript(
    jobId: string,
    format: TranscriptFormat = 'json',
    options: CallOptions = {},
  ): Promise<Transcript | VerboseTranscript | string> {
    const path = `${pathOf(jobId)}/transcript`;
    const text = await this.#transport.text({ method: 'GET', path, query: { format }, ...options });
    return format === 'json' || format === 'verbose_json' ? (JSON.parse(text) as Transcript | VerboseTranscript) : text;
  }

  /**
   * The end of an attempt's log, as far as it is kept. `afterBytes`: only what follows. Throws NotFoundError if there is none.
   */
  async attemptLog(
    jobId: string,
    attempt: number,
    { afterBytes = 0, ...options }: CallOptions & { afterBytes?: number } = {},
  ): Promise<AttemptLog> {
    const path = `${pathOf(jobId)}/attempts/${attempt}/log`;
    const { text, headers } = await this.#transport.answer({
      method: 'GET',
      path,
      query: { after: afterBytes },
      ...options,
    });
    const complete = headers.get(LOG_COMPLETE_HEADER) === 'true';
    return { text, endBytes: Number(headers.get(LOG_END_HEADER)), complete };
  }

  /** The parts of an attempt's log as they come, until the attempt is over. */
  async *followAttemptLog(
    jobId: string,
    attempt: number,
    { pollMs = 1_000, ...options }: CallOptions & { pollMs?: number } = {},
  ): AsyncGenerator<string> {
    for (let afterBytes = 0; ; ) {
      const { text, endBytes, complete } = await this.attemptLog(jobId, attempt, { ...options, afterBytes });
      if (text !== '') yield text;
      if (complete) return;
      afterBytes = endBytes;
      await waitFor(pollMs, options.signal);
    }
  }

  /** For workers: sends the end of the log of the attempt that the lease is for. `endBytes`: where it ends, since its begin. */
  async putAttemptLog(
    jobId: string,
    attempt: number,
    leaseToken: string,
    { text, endBytes }: Pick<AttemptLog, 'text' | 'endBytes'>,
    options: CallOptions = {},
  ): Promise<void> {
    await this.#transport.json({
      method: 'PUT',
      path: `${pathOf(jobId)}/attempts/${attempt}/log`,
      query: { end_bytes: endBytes },
      headers: { 'lease-token': leaseToken },
      raw: { body: text, type: 'text/plain; charset=utf-8' },
      ...options,
    });
  }

  /** For workers: reports progress. The latest report may be lost if the monitor crashes. */
  async reportProgress(jobId: string, report: ProgressReport, options: CallOptions = {}): Promise<void> {
    await this.#transport.json({
      operation: { name: 'jobs.reportProgress', params: { job_id: jobId } },
      method: 'PUT',
      path: `${pathOf(jobId)}/progress`,
      body: report,
      ...options,
    });
  }

  /** For workers. Throws LeaseExpiredError if the job is no longer this worker's. */
  async complete(jobId: string, report: CompletionReport, options: CallOptions = {}): Promise<JobWithId> {
    const path = `${pathOf(jobId)}/complete`;
    return withId(
      await this.#transport.json({
        operation: { name: 'jobs.complete', params: { job_id: jobId } },
        method: 'POST',
        path,
        body: report,
        ...options,
      }),
    );
  }

  /** For workers. Throws LeaseExpiredError if the job is no longer this worker's. */
  async fail(jobId: string, report: FailureReport, options: CallOptions = {}): Promise<JobWithId> {
    const path = `${pathOf(jobId)}/fail`;
    return withId(
      await this.#transport.json({
        operation: { name: 'jobs.fail', params: { job_id: jobId } },
        method: 'POST',
        path,
        body: report,
        ...options,
      }),
    );
  }

  /** For workers: stores the transcript, unless an earlier attempt already has; that one is then kept. */
  putTranscript(
    jobId: string,
    leaseToken: string,
    transcript: Transcript,
    options: CallOptions = {},
  ): Promise<StoredTranscript> {
    return this.#transport.json({
      method: 'PUT',
      path: `${pathOf(jobId)}/transcript`,
      headers: { 'lease-token': leaseToken },
      body: transcript,
      ...options,
    });
  }
}

function pathOf(jobId: string): string {
  return `/jobs/${segment(jobId)}`;
}
