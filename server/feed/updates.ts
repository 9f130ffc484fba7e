/**
 * Events as messages of the feed. A pure function of the event, so that an event read back from the journal gives the
 * same message as it did live.
 */
import type { FeedPosition } from '../../protocol/feed.ts';
import type { AlertChanged, JobChanged, WorkerChanged } from '../../protocol/feed-messages.ts';
import type { JobStateName } from '../../protocol/job.ts';
import { formatTime } from '../../protocol/time.ts';
import { errorDocument, outputDocument } from '../documents/job.ts';
import { expectedFields } from '../documents/outlook.ts';
import { ownAction, ownVerdict } from '../documents/own-view.ts';
import { sightedError, sightedOutput } from '../state-machine/apply/observed.ts';
import type { AlertEvent, JobEvent, JournalEvent, WorkerEvent } from '../state-machine/events.ts';

export type FeedUpdate = {
  position: FeedPosition;
  kind: 'job' | 'worker' | 'alert';
  id: string;
  /** For a job: its state after this event. */
  state?: JobStateName;
  /** Progress and heartbeats: to a slow reader only the newest of a job or worker is sent. */
  soft: boolean;
  /** Serialised once for all readers. */
  text: string;
  /** For readers of one tenant; absent: the same. */
  own_text?: string;
};

/** Returns undefined for events that the feed does not carry, including types written by a newer monitor. */
export function updateOf(event: JournalEvent, position: FeedPosition): FeedUpdate | undefined {
  const common = { type: 'update', event: event.type, at: event.at, ...position };
  switch (event.type) {
    case 'WorkerLaunched':
    case 'WorkerRegistered':
    case 'WorkerBeat':
    case 'WorkerStatusChanged':
    case 'WorkerDraining':
    case 'WorkerRestarting':
    case 'WorkerTerminated':
    case 'WorkerJudged': {
      const fields = { worker_id: event.entity, ...workerFields(event) };
      return {
        position,
        kind: 'worker',
        id: event.entity,
        soft: event.type === 'WorkerBeat',
        text: JSON.stringify({ ...common, resource: 'worker', ...fields }),
      };
    }
    case 'ActionDecided':
      return decided(event, position, common);
    case 'AlertRaised':
    case 'AlertAcknowledged':
    case 'AlertResolved': {
      const fields = { alert_id: event.entity, ...alertFields(event) };
      return {
        position,
        kind: 'alert',
        id: event.entity,
        soft: false,
        text: JSON.stringify({ ...common, resource: 'alert', ...fields }),
      };
    }
    case 'ActionSettled':
    case 'PoliciesPaused':
    case 'PoliciesResumed':
    case 'AlertPending':
    case 'AlertCleared':
    case 'SilenceCreated':
    case 'SilenceEnded':
    case 'KeyCreated':
    case 'KeyRotated':
    case 'KeyRevoked':
    case 'PassIssued':
    case 'PassUsed':
    case 'PassEnded':
    case 'TenantSet':
    case 'TenantReset':
    case 'TenantPaused':
    case 'TenantResumed':
    case 'UploadCounted':
    case 'NoticesClaimed':
    case 'NoticesReleased':
    case 'NoticeDelivered':
    case 'NoticeFailed':
    case 'NoticeReplayed':
    case 'NoticeRequested':
    case 'NoticesForgotten':
    case 'AlertsNotified':
    case 'AlertGroupEnded':
    case 'JobErased':
    case 'ErasuresAdvanced':
    case 'PacksDropped':
    case 'JobsArchived':
    case 'ArchivePacked':
    case 'ArchiveIndexed':
    case 'ColumnsWritten':
    case 'ArchiveRepacked':
    case 'WorkersArchived':
    case 'AlertsArchived':
    case 'CommandsForgotten':
    case 'LossAccepted':
      return undefined;
    default: {
      const fields = jobFields(event);
      if (!fields) return undefined;
      const textOf = (shown: JobFields) =>
        JSON.stringify({ ...common, resource: 'job', job_id: event.entity, ...shown });
      const own = ownFields(event, fields);
      return {
        position,
        kind: 'job',
        id: event.entity,
        state: fields.state,
        soft: event.type === 'JobProgressed',
        text: textOf(fields),
        ...(own === null ? {} : { own_text: textOf(own) }),
      };
    }
  }
}

/** What a reader of one tenant gets in place of these; null: the same. */
function ownFields({ type, data }: JobEvent, fields: JobFields): JobFields | null {
  if (type === 'JobQueued' && data.promise) {
    const { expected_start: _, expected_completion: __, ...known } = fields;
    return known;
  }
  return type === 'JobJudged' ? { ...fields, verdict: ownVerdict(fields.verdict ?? null)! } : null;
}

/** The same update for readers of one tenant. */
export function ownUpdate(update: FeedUpdate): FeedUpdate {
  if (update.own_text === undefined) return update;
  const made = OWN.get(update) ?? { ...update, text: update.own_text };
  OWN.set(update, made);
  return made;
}

/** One object for all of these readers, by which they share what is sent. */
const OWN = new WeakMap<FeedUpdate, FeedUpdate>();

/** A decision of a policy, on the feed of the job or worker that it is about. */
function decided(event: JournalEvent & { type: 'ActionDecided' }, position: FeedPosition, common: object): FeedUpdate {
  const { entity: id, at, data } = event;
  const { of: kind, policy, verdict, action, outcome, reason, state, worker_id } = data;
  const taken = { at, policy, verdict, action, outcome, reason };
  const about =
    state === undefined
      ? { resource: 'worker', worker_id: id }
      : { resource: 'job', job_id: id, state, percentage: null, stage: null, worker_id };
  const textOf = (action: typeof taken) => JSON.stringify({ ...common, ...about, action });
  const own_text = textOf(ownAction(taken));
  const text = textOf(taken);
  return { position, kind, id, ...(state === undefined ? {} : { state }), soft: false, text, own_text };
}

/** A progress report before it is in the journal: `position` is that of everything before it. */
export function reportOf(event: JournalEvent, position: FeedPosition): FeedUpdate | undefined {
  if (event.type !== 'JobProgressed') return undefined;
  const fields = jobFields(event)!;
  return {
    position,
    kind: 'job',
    id: event.entity,
    state: fields.state,
    soft: true,
    text: JSON.stringify({
      type: 'progress',
      resource: 'job',
      at: event.at,
      ...position,
      job_id: event.entity,
      ...fields,
    }),
  };
}

function workerFields({ type, data }: WorkerEvent): Partial<WorkerChanged> {
  switch (type) {
    case 'WorkerLaunched':
      return {
        state: 'STARTING',
        capabilities: data.capabilities,
        location: data.location,
        ...(data.instance_id === undefined ? {} : { instance_id: data.instance_id }),
        ...(data.reason === undefined ? {} : { reason: data.reason }),
      };
    case 'WorkerRegistered': {
      // Its state is not in the event; it depends on the jobs held: IDLE, ACTIVE or DRAINING.
      const { instance_id, capabilities, location } = data;
      return { instance_id, capabilities, location };
    }
    case 'WorkerBeat':
      return { health: { ...data.health, status: data.status } };
    case 'WorkerStatusChanged':
      return { health: { status: data.status }, reason: data.reason };
    case 'WorkerDraining':
      return { state: 'DRAINING', ...(data.reason === undefined ? {} : { reason: data.reason }) };
    case 'WorkerRestarting':
      return { state: 'RESTARTING' };
    case 'WorkerTerminated':
      return { state: 'TERMINATED', reason: data.reason };
    case 'WorkerJudged': {
      const { status, since_ms, reason, evidence } = data;
      return { verdict: { status, reason, since: formatTime(since_ms), evidence } };
    }
  }
}

function alertFields(
  event: AlertEvent & { type: 'AlertRaised' | 'AlertAcknowledged' | 'AlertResolved' },
): Partial<AlertChanged> {
  if (event.type === 'AlertResolved') return { resolved_by: event.data.by };
  if (event.type === 'AlertAcknowledged') return { acknowledged_by: event.data.by };
  const { rule, subject, severity, message, labels, description, runbook_url } = event.data;
  return { rule, subject, severity, message, labels, description, runbook_url };
}

type JobFields = Pick<JobChanged, 'state' | 'percentage' | 'stage'> & Partial<JobChanged>;

/** The fields that the event alone determines. A failed attempt has no update; the event that follows it has. */
function jobFields({ type, data }: JobEvent): JobFields | undefined {
  const now = (state: JobStateName, percentage: number | null, more: Partial<JobChanged> = {}): JobFields => ({
    state,
    percentage,
    stage: null,
    ...more,
  });
  switch (type) {
    case 'JobSubmitted':
      return now('SUBMITTED', 0, { details: data.details });
    case 'JobQueued':
      return now('QUEUED', 0, {
        worker_id: null,
        attempt: data.attempt,
        details: data.details,
        ...expectedFields(data.promise ?? {}),
      });
    case 'JobAssigned':
      return now('PROCESSING', 0, { worker_id: data.worker_id, attempt: data.attempt, ...expectedFields(data) });
    case 'JobProgressed': {
      const { percentage, stage, current_chunk, total_chunks, eta_seconds, attempt, cancelling } = data;
      const more = { stage, current_chunk, total_chunks, eta_seconds, attempt };
      return now(cancelling ? 'CANCELLING' : 'PROCESSING', percentage, more);
    }
    case 'JobCompleted': {
      const { attempt, details } = data;
      return now('COMPLETED', 100, { attempt, details, output: outputDocument(data) });
    }
    case 'JobFailed':
      return now('FAILED', null, { details: data.details });
    case 'JobCancelRequested':
      return now('CANCELLING', null, { details: data.details });
    case 'JobCancelled':
      return now('CANCELLED', null, { details: data.details });
    case 'JobObserved': {
      const { state, percentage, stage, worker_id } = data.sighting;
      return now(state, state === 'COMPLETED' ? 100 : percentage, {
        stage,
        worker_id,
        details: `Reported by ${data.source}`,
        ...(state === 'COMPLETED' ? { output: outputDocument(sightedOutput(data.sighting)) } : {}),
        ...(state === 'FAILED' ? { error: errorDocument(sightedError(data.sighting)) } : {}),
      });
    }
    case 'JobJudged': {
      const { state, attempt, status, since_ms, reason, evidence } = data;
      return now(state, null, { attempt, verdict: { status, reason, since: formatTime(since_ms), evidence } });
    }
    case 'JobAttemptFailed':
    case 'JobDelayOver':
    case 'JobMessaged':
    case 'JobDropped':
      return undefined;
  }
}
