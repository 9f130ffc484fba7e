/** A job's document, and what the feed says about the job since. */
import type { JobChanged, JobNow, JobReported } from '../../../protocol/feed-messages.ts';
import type { Job } from '../../../protocol/job.ts';
import { expectedAt } from './expected.ts';

export type JobMessage = JobNow | JobChanged | JobReported;

const ENDED: readonly string[] = ['COMPLETED', 'FAILED', 'CANCELLED'];

export const ended = (state: string): boolean => ENDED.includes(state);

/** Whether the document does not yet include the message. */
export function isNews(job: Job, message: JobMessage): boolean {
  if (message.type === 'progress') return message.at > job.updated_at && !ended(job.state);
  return message.seq > job.as_of_seq || (message.seq === job.as_of_seq && message.at > job.updated_at);
}

/** The document with what the message says. Fields that the message does not carry keep their value. */
export function withMessage(job: Job, message: JobMessage): Job {
  if (!isNews(job, message)) return job;
  const { state, worker_id, attempt, verdict, output, error } = message;
  const moved = state !== job.state;
  const again = attempt !== undefined && attempt !== job.retry_info.attempt;
  const judged = 'event' in message && message.event === 'JobJudged';
  // A judgement is no sign of life: the document keeps the time of the last report.
  const updated_at = judged ? job.updated_at : message.at;
  const next: Job = {
    ...job,
    state,
    updated_at,
    progress: progressOf(job, message, { moved, again }),
    retry_info: {
      ...job.retry_info,
      ...(attempt === undefined ? {} : { attempt }),
      ...(error === undefined ? {} : { last_error: error }),
    },
    as_of_seq: message.type === 'progress' ? job.as_of_seq : Math.max(job.as_of_seq, message.seq),
  };
  if (output !== undefined) next.output = output;
  if (ended(state)) Object.assign(next, { completed_at: message.at, estimated_completion: null });
  else if (moved) next.completed_at = null;
  if (state === 'PROCESSING' && worker_id && (moved || again || job.worker?.worker_id !== worker_id)) {
    next.worker = { worker_id, instance_id: null, assigned_at: message.at, gpu_usage: null };
    next.started_at = message.at;
  }
  next.verdict = verdictOf(job, message, moved);
  const keepsPace = state === 'PROCESSING' && !moved && !again;
  next.expected_percentage = keepsPace ? expectedAt(job, Date.parse(updated_at)) : null;
  if (!keepsPace) expect(next, message);
  if (verdict === null && !moved) next.verdict = job.verdict;
  return next;
}

/** What is expected of a job from its new state on, as far as the message says it. */
function expect(job: Job, { state, expected_start, expected_completion }: JobMessage): void {
  if (state === 'PROCESSING' && expected_completion) job.expected_percentage = 0;
  job.expected_start = expected_start ?? null;
  job.expected_completion = expected_completion ?? null;
  job.queue_position = null;
}

function progressOf(job: Job, message: JobMessage, { moved, again }: { moved: boolean; again: boolean }) {
  const fresh = again || (moved && message.state === 'PROCESSING');
  const before = fresh
    ? { percentage: 0, stage: null, current_chunk: null, total_chunks: null, eta_seconds: null }
    : job.progress;
  const { percentage, stage, current_chunk, total_chunks, eta_seconds, state } = message;
  const total = total_chunks ?? before.total_chunks;
  if (state === 'COMPLETED')
    return { percentage: 100, stage: null, current_chunk: total, total_chunks: total, eta_seconds: null };
  return {
    percentage: percentage ?? before.percentage,
    stage: stage ?? before.stage,
    current_chunk: current_chunk ?? before.current_chunk,
    total_chunks: total,
    eta_seconds: eta_seconds === undefined ? before.eta_seconds : eta_seconds,
  };
}

/** A job that changes its state is on track; one that has ended has no verdict. */
function verdictOf(job: Job, { state, verdict, at }: JobMessage, moved: boolean): Job['verdict'] {
  if (ended(state) || state === 'CANCELLING') return null;
  if (verdict) return verdict;
  if (moved) return { status: 'on_track', reason: 'On track.', since: at, evidence: {} };
  return job.verdict;
}
