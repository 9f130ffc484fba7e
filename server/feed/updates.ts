/**
 * Events as the feed tells them. A pure function of the event, so that what a reader missed reads the same when it is sent
 * later, out of the journal, as it did live.
 */
import type { FeedPosition, JobUpdate } from '../../protocol/feed.ts';
import type { JobStateName } from '../../protocol/job.ts';
import { formatTime } from '../../protocol/time.ts';
import { progressDocument } from '../state-machine/documents.ts';
import type { Event, JobEvent, JournalEvent } from '../state-machine/events.ts';
import type { JobRecord } from '../state-machine/records.ts';

export type FeedUpdate = {
  position: FeedPosition;
  kind: 'job' | 'worker' | 'alert';
  id: string;
  /** A job's, after this event; what the event does not tell, it does not change. */
  state?: JobStateName;
  /** Progress and heartbeats: only the newest of a job or worker matters to a reader who can't keep up. */
  soft: boolean;
  /** Serialised once, however many read it. */
  text: string;
};

/** undefined: nothing that a reader of the feed follows. */
export function updateOf(event: JournalEvent, position: FeedPosition): FeedUpdate | undefined {
  const typed = event as unknown as Event;
  const common = { type: 'update', event: event.type, at: event.at, ...position };
  const make = (kind: FeedUpdate['kind'], fields: object, soft = false): FeedUpdate => ({
    position,
    kind,
    id: event.entity,
    soft,
    text: JSON.stringify({ ...common, resource: kind, ...fields }),
  });
  switch (typed.type) {
    case 'WorkerLaunched':
    case 'WorkerRegistered':
    case 'WorkerStatusChanged':
    case 'WorkerDraining':
    case 'WorkerRestarting':
    case 'WorkerTerminated':
      return make('worker', { worker_id: typed.entity, ...WORKER_STATES[typed.type], ...typed.data });
    case 'WorkerBeat': {
      const { health, status } = typed.data;
      return make('worker', { worker_id: typed.entity, health: { status, ...health } }, true);
    }
    case 'AlertRaised':
    case 'AlertResolved':
      return make('alert', { id: typed.entity, ...typed.data });
    case 'AlertCleared':
    case 'JobsArchived':
    case 'WorkersArchived':
    case 'AlertsArchived':
    case 'CommandsForgotten':
      return undefined;
    default: {
      const fields = jobFields(typed);
      if (!fields) return undefined;
      const made = make('job', { job_id: typed.entity, ...fields }, typed.type === 'JobProgressed');
      return { ...made, state: fields.state };
    }
  }
}

const WORKER_STATES = {
  WorkerLaunched: { state: 'STARTING' },
  WorkerRegistered: {},
  WorkerStatusChanged: {},
  WorkerDraining: { state: 'DRAINING' },
  WorkerRestarting: { state: 'RESTARTING' },
  WorkerTerminated: { state: 'TERMINATED' },
} as const;

type JobFields = Pick<JobUpdate, 'state' | 'percentage' | 'stage'> & Partial<JobUpdate>;

/** What the event alone tells of its job; a failed attempt is told by what becomes of the job. */
function jobFields({ type, data }: JobEvent): JobFields | undefined {
  const now = (state: JobStateName, percentage: number | null, more: Partial<JobUpdate> = {}): JobFields => ({
    state,
    percentage,
    stage: null,
    ...more,
  });
  switch (type) {
    case 'JobSubmitted':
      return now('SUBMITTED', 0, { details: data.details });
    case 'JobQueued':
      return now('QUEUED', 0, { attempt: data.attempt, details: data.details });
    case 'JobAssigned':
      return now('PROCESSING', 0, { worker_id: data.worker_id, attempt: data.attempt });
    case 'JobProgressed': {
      const { percentage, stage, eta_seconds, attempt } = data;
      return now('PROCESSING', percentage, { stage, eta_seconds, attempt });
    }
    case 'JobCompleted': {
      const { attempt, s3_path, segments_count, confidence_score } = data;
      return now('COMPLETED', 100, { attempt, output: { s3_path, segments_count, confidence_score } });
    }
    case 'JobFailed':
      return now('FAILED', null, { details: data.details });
    case 'JobCancelRequested':
      return now('CANCELLING', null, { details: data.details });
    case 'JobCancelled':
      return now('CANCELLED', null, { details: data.details });
    case 'JobAttemptFailed':
    case 'JobDelayOver':
    case 'JobDropped':
      return undefined;
  }
}

/** The job as it is now, as a reader's first message or after a gap. */
export function jobState(type: 'state' | 'reset', job: JobRecord, position: FeedPosition): JobUpdate {
  const { job_id, state, percentage, stage, eta_seconds } = progressDocument(job);
  return {
    type,
    resource: 'job',
    job_id,
    state,
    percentage,
    stage,
    eta_seconds,
    worker_id: job.run?.worker_id ?? null,
    attempt: job.attempt,
    at: formatTime(job.updated_ms),
    ...(job.last_error ? { error: job.last_error } : {}),
    ...(job.output ? { output: job.output } : {}),
    ...position,
  };
}
