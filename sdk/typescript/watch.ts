/**
 * A job as it changes, from now to its end, over restarts of the monitor.
 *
 * It asks again and again with `If-None-Match`, so that an unchanged job costs an empty answer. The first question fails as any
 * call does; once the job has been seen, a monitor that is away is waited for.
 */
import type { Job, JobStateName } from '../../protocol/job.ts';
import { NoAnswerError, RefusedError } from './errors.ts';
import { type JobWithId, withId } from './job-with-id.ts';
import { segment, type Transport, waitFor } from './transport.ts';

export type JobUpdate = {
  state: JobStateName;
  /** 0 to 100. */
  percentage: number;
  /** `DOWNLOADING`, `TRANSCRIBING`, `UPLOADING`; null before a worker reports. */
  stage: string | null;
  job: JobWithId;
};

export type WatchOptions = {
  /** Ends the watch; it rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Time between two questions. Default 500. */
  pollMs?: number | undefined;
  /** Told once each time the monitor goes away, and with null when it is back. */
  onAway?: ((error: Error | null) => void) | undefined;
};

const POLL_MS = 500;
const AWAY_POLL_MS_MAX = 5_000;

/** Yields the job as it is, then each change of state, stage or percentage; ends after COMPLETED, FAILED or CANCELLED. */
export async function* watchJob(
  transport: Transport,
  jobId: string,
  options: WatchOptions = {},
): AsyncGenerator<JobUpdate, void, void> {
  const { signal, pollMs = POLL_MS, onAway } = options;
  let etag: string | undefined;
  let shown = '';
  let awayFor = 0;

  for (;;) {
    let job: Job | undefined;
    try {
      const answer = await transport.answer({
        method: 'GET',
        path: `/jobs/${segment(jobId)}`,
        signal,
        headers: etag === undefined ? {} : { 'if-none-match': etag },
      });
      if (awayFor > 0) onAway?.(null);
      awayFor = 0;
      if (answer.status !== 304) {
        etag = answer.headers.get('etag') ?? undefined;
        job = JSON.parse(answer.text) as Job;
      }
    } catch (error) {
      if (shown === '' || !isAway(error)) throw error;
      if (awayFor === 0) onAway?.(error);
      awayFor += 1;
    }

    if (job !== undefined) {
      const { percentage, stage } = job.progress;
      const now = JSON.stringify([job.state, percentage, stage, job.retry_info.attempt]);
      if (now !== shown) yield { state: job.state, percentage, stage, job: withId(job) };
      shown = now;
      if (job.state === 'COMPLETED' || job.state === 'FAILED' || job.state === 'CANCELLED') return;
    }
    await waitFor(Math.random() * Math.min(AWAY_POLL_MS_MAX, pollMs * awayFor) + pollMs, signal);
  }
}

function isAway(error: unknown): error is Error {
  return error instanceof NoAnswerError || (error instanceof RefusedError && (error.status ?? 0) >= 500);
}
