/** `api.jobs`: recordings to transcribe, from their submission to their transcript. */
import type { Static } from 'typebox';
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
import type { JobQuery } from '../../protocol/queue.ts';
import type { Transcript, TranscriptFormat } from '../../protocol/transcript.ts';
import { InvalidRequestError } from './errors.ts';
import type { Feed } from './feed.ts';
import { type JobWithId, withId } from './job-with-id.ts';
import { type Page, Pages } from './pages.ts';
import { type CallOptions, segment, type Transport } from './transport.ts';
import { type JobUpdate, type WatchOptions, watchJob } from './watch.ts';

/** How far a job is, without the rest of it. */
export type JobProgressDocument = Static<typeof JobProgressDocumentSchema>;
/** Every state the job has been in. */
export type JobTimeline = Static<typeof JobTimelineSchema>;

/** What storing a transcript answers: the completion's `output`, and whether an earlier attempt had stored one. */
export type StoredTranscript = {
  s3_path: string;
  segments_count: number;
  confidence_score: number | null;
  already_there: boolean;
};

export class Jobs {
  readonly #transport: Transport;
  readonly #feed: Feed;

  constructor(transport: Transport, feed: Feed) {
    this.#transport = transport;
    this.#feed = feed;
  }

  /** Puts a recording into the queue. Once this answers, no crash loses the job. */
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
   * Up to 1,000 recordings in one commit, each answered in its place: a job, or what is wrong with it. Throws only where the
   * request as a whole is refused.
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

  /** Newest first. `limit` is the size of a page, not of the list. */
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

  /** The job as it is, then each change, until it ends. */
  watch(jobId: string, options: WatchOptions = {}): AsyncGenerator<JobUpdate, void, void> {
    return watchJob({ transport: this.#transport, feed: this.#feed }, jobId, options);
  }

  /** CANCELLED at once while it waits; CANCELLING while a worker has it. */
  async cancel(jobId: string, options: CallOptions = {}): Promise<JobWithId> {
    return withId(await this.#transport.json({ method: 'DELETE', path: pathOf(jobId), ...options }));
  }

  /** A FAILED or CANCELLED job goes back into the queue. */
  async retry(jobId: string, options: CallOptions = {}): Promise<JobWithId> {
    return withId(await this.#transport.json({ method: 'POST', path: `${pathOf(jobId)}/retry`, ...options }));
  }

  progress(jobId: string, options: CallOptions = {}): Promise<JobProgressDocument> {
    return this.#transport.json({ method: 'GET', path: `${pathOf(jobId)}/progress`, ...options });
  }

  timeline(jobId: string, options: CallOptions = {}): Promise<JobTimeline> {
    return this.#transport.json({ method: 'GET', path: `${pathOf(jobId)}/timeline`, ...options });
  }

  /** The transcript of a completed job: an object, or rendered as `text`, `srt` or `vtt`. */
  transcript(jobId: string, format?: 'json', options?: CallOptions): Promise<Transcript>;
  transcript(jobId: string, format: TranscriptFormat, options?: CallOptions): Promise<Transcript | string>;
  async transcript(
    jobId: string,
    format: TranscriptFormat = 'json',
    options: CallOptions = {},
  ): Promise<Transcript | string> {
    const path = `${pathOf(jobId)}/transcript`;
    const text = await this.#transport.text({ method: 'GET', path, query: { format }, ...options });
    return format === 'json' ? (JSON.parse(text) as Transcript) : text;
  }

  /** Worker's side: how far it is. Soft: the newest may be lost in a crash of the monitor. */
  async reportProgress(jobId: string, report: ProgressReport, options: CallOptions = {}): Promise<void> {
    await this.#transport.json({
      operation: { name: 'jobs.reportProgress', params: { job_id: jobId } },
      method: 'PUT',
      path: `${pathOf(jobId)}/progress`,
      body: report,
      ...options,
    });
  }

  /** Worker's side. Throws LeaseExpiredError when the job is no longer this worker's. */
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

  /** Worker's side. Throws LeaseExpiredError when the job is no longer this worker's. */
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

  /** Worker's side: stores the transcript, unless an earlier attempt has; then that one holds. */
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
