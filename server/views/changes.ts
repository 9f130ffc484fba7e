/**
 * The views that a segment changed. A job's events change its own views, those of a worker that holds it, and the sums;
 * changes that are not in the events are found by comparing the fold before and after.
 */

import { DAY_MS, HOUR_MS } from '../../protocol/time.ts';
import { workerVersion } from '../documents/worker.ts';
import type { AppliedSegment } from '../engine.ts';
import type { EventType, JournalEvent } from '../state-machine/events.ts';
import { finished, type JobRecord, type WorkerRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import type { Subject } from './keys.ts';
import { jobView } from './layout.ts';
import { currentHour } from './metrics.ts';
import type { Urgency } from './pending.ts';
import { endKey } from './terminated-workers.ts';

/** See Note for the fields. */
export type Change = Subject & { urgency: Urgency; moved?: boolean; fresh?: boolean; gone?: readonly string[] };

/** Reports every change that this segment made, some more than once. */
export function changesOf(
  { seq, events }: AppliedSegment,
  before: State,
  after: State,
  emit: (change: Change) => void,
): void {
  let urgency: Urgency = 'heartbeat';
  const workers = new Set<string>();
  for (const event of events) {
    const kind = event.type === 'ActionDecided' ? event.data.of : SHOWN_BY[event.type];
    if (event.type === 'JobProgressed') progressChange(event.entity, after, workers, emit);
    else if (kind === 'job') jobChanges(event, before, after, emit);
    else if (kind === 'worker') workerChange(event, before, after, emit);
    else if (kind === 'alert') emit({ kind, id: event.entity, urgency: 'transition', moved: true });
    if (kind !== null && !SOFT.has(event.type)) urgency = 'sums';
  }
  const hour = currentHour(after);
  if (after.tables.hours.get(hour)?.version === seq) {
    emit({ kind: 'hour', id: String(hour), urgency });
    emit({ kind: 'day', id: String(Math.floor(after.at_ms / DAY_MS)), urgency });
  }
  closedHours(after, currentHour(before), emit);
  emit({ kind: 'queues', id: '', urgency });
  emit({ kind: 'health', id: '', urgency });
}

/** Every change after segment `seq`, for segments that were not seen. `hour`: the hour of log time at that segment. */
export function changesSince(seq: number, hour: number, state: State, emit: (change: Change) => void): void {
  const { tables } = state;
  const urgency = 'transition';
  const moved = true;
  for (const [id, job] of tables.jobs.entries()) if (job.version > seq) emit({ kind: 'job', id, urgency, moved });
  for (const [id, worker] of tables.workers.entries()) {
    if (workerVersion(state, worker) > seq) emit({ kind: 'worker', id, urgency, moved });
  }
  for (const [id, alert] of tables.alerts.entries()) {
    if (alert.version > seq) emit({ kind: 'alert', id, urgency, moved });
  }
  for (const [id, { version }] of tables.hours.entries()) {
    if (version > seq) emit({ kind: 'hour', id: String(id), urgency });
  }
  for (const [id, { version }] of tables.days.entries()) {
    if (version > seq) emit({ kind: 'day', id: String(id), urgency });
  }
  closedHours(state, hour, emit);
  if (state.seq > seq) {
    emit({ kind: 'queues', id: '', urgency });
    emit({ kind: 'health', id: '', urgency });
  }
}

/**
 * Every change between two folds, where the later one replaced the other. Records that left memory in between changed,
 * too: this instance may have written views of them that were older than those of their end. A worker with the same id
 * and another ordinal is a different worker: the views of the earlier one's end stay.
 */
export function changesBetween(before: State, after: State, emit: (change: Change) => void): void {
  const urgency = 'transition';
  const moved = true;
  changesSince(before.seq, currentHour(before), after, emit);
  for (const [id, job] of before.tables.jobs.entries()) {
    const next = after.job(id);
    if (next?.version === job.version) continue;
    emit({ kind: 'job', id, urgency, moved, gone: next ? forgottenKeys(job, next) : [] });
  }
  for (const [id, worker] of before.tables.workers.entries()) {
    const next = after.worker(id);
    if (next?.version === worker.version) continue;
    if (next?.ordinal === worker.ordinal) movedWorker(id, worker, next, emit);
    else emit({ kind: 'worker', id, urgency, moved });
  }
  for (const id of before.tables.alerts.keys()) {
    if (!after.tables.alerts.has(id)) emit({ kind: 'alert', id, urgency, moved });
  }
}

/** The subject whose views show an event; null if it concerns only memory. */
const SHOWN_BY: Readonly<Record<EventType, 'job' | 'worker' | 'alert' | null>> = {
  JobSubmitted: 'job',
  JobQueued: 'job',
  JobDelayOver: 'job',
  JobMessaged: 'job',
  JobAssigned: 'job',
  JobProgressed: 'job',
  JobCompleted: 'job',
  JobAttemptFailed: 'job',
  JobFailed: 'job',
  JobCancelRequested: 'job',
  JobCancelled: 'job',
  JobJudged: 'job',
  JobDropped: 'job',
  JobObserved: 'job',
  WorkerLaunched: 'worker',
  WorkerRegistered: 'worker',
  WorkerBeat: 'worker',
  WorkerStatusChanged: 'worker',
  WorkerDraining: 'worker',
  WorkerRestarting: 'worker',
  WorkerTerminated: 'worker',
  WorkerJudged: 'worker',
  // About a job or a worker.
  ActionDecided: null,
  ActionSettled: null,
  PoliciesPaused: null,
  PoliciesResumed: null,
  AlertPending: null,
  AlertRaised: 'alert',
  AlertAcknowledged: 'alert',
  AlertResolved: 'alert',
  AlertCleared: null,
  SilenceCreated: null,
  SilenceEnded: null,
  KeyCreated: null,
  KeyRotated: null,
  KeyRevoked: null,
  PassIssued: null,
  PassUsed: null,
  PassEnded: null,
  TenantSet: null,
  TenantReset: null,
  TenantPaused: null,
  TenantResumed: null,
  UploadCounted: null,
  NoticesClaimed: null,
  NoticesReleased: null,
  NoticeDelivered: null,
  NoticeFailed: null,
  NoticeReplayed: null,
  NoticeRequested: null,
  NoticesForgotten: null,
  AlertsNotified: null,
  AlertGroupEnded: null,
  JobErased: 'job',
  ErasuresAdvanced: null,
  PacksDropped: null,
  JobsArchived: null,
  ArchivePacked: null,
  ArchiveIndexed: null,
  ColumnsWritten: null,
  ArchiveRepacked: null,
  WorkersArchived: null,
  AlertsArchived: null,
  CommandsForgotten: null,
  LossAccepted: null,
};

/** Not a transition, so the sums need not be updated soon. */
const SOFT: ReadonlySet<EventType> = new Set(['JobProgressed', 'WorkerBeat']);

/** The most frequent change, and the simplest. `workers`: those already reported for a job that progressed. */
function progressChange(id: string, after: State, workers: Set<string>, emit: (change: Change) => void): void {
  const job = after.job(id);
  if (!job) return;
  emit({ kind: 'job', id, urgency: 'progress' });
  if (!job.run || workers.has(job.run.worker_id)) return;
  workers.add(job.run.worker_id);
  workerOf(job.run.worker_id, after, 'progress', emit);
}

function jobChanges(event: JournalEvent, before: State, after: State, emit: (change: Change) => void): void {
  const id = event.entity;
  const next = after.job(id);
  // The erasure deletes the other views of an erased job.
  if (!next && event.type === 'JobErased') emit({ kind: 'job', id, urgency: 'transition', moved: true });
  if (!next) return;
  const returning = event.type === 'JobObserved' ? event.data.returning : undefined;
  const last = before.job(id) ?? returning?.job;
  // A sighting that does not change a job's state counts as progress.
  const goesOn = event.type === 'JobObserved' && last?.state === next.state && !finished(next.state);
  const urgency = goesOn ? 'progress' : 'transition';
  emit({ kind: 'job', id, urgency, moved: !goesOn, fresh: !last, gone: last ? forgottenKeys(last, next) : [] });
  const work = goesOn ? 'progress' : 'work';
  if (event.type === 'JobAssigned') workerOf(event.data.worker_id, after, work, emit);
  if (event.type === 'JobObserved') sightedWorker(event.data.sighting.worker_id, before, after, emit);
  if (next.run) workerOf(next.run.worker_id, after, work, emit);
  if (last?.run && last.run.worker_id !== next.run?.worker_id) workerOf(last.run.worker_id, after, work, emit);
}

function workerOf(worker_id: string, after: State, urgency: Urgency, emit: (change: Change) => void): void {
  const worker = after.worker(worker_id);
  if (worker && workerVersion(after, worker) === after.seq) emit({ kind: 'worker', id: worker_id, urgency });
}

/**
 * A sighting makes the worker that it names known, or brings it back, even if it holds no job, as for a waiting job.
 */
function sightedWorker(id: string | null, before: State, after: State, emit: (change: Change) => void): void {
  const last = id === null ? undefined : before.worker(id);
  const next = id === null ? undefined : after.worker(id);
  if (id === null || !next) return;
  if (last?.created_ms !== next.created_ms) movedWorker(id, last, next, emit);
  else workerOf(id, after, 'work', emit);
}

/** A very long history drops entries from the third on, and with them workers and ends, whose views must be removed. */
function forgottenKeys(last: JobRecord, next: JobRecord): readonly string[] {
  if (last.history[2] === undefined || last.history[2] === next.history[2]) return [];
  const { present, absent } = jobView(next);
  const known = new Set([...present.map(({ key }) => key), ...absent]);
  return jobView(last).present.flatMap(({ key }) => (known.has(key) ? [] : [key]));
}

function workerChange(event: JournalEvent, before: State, after: State, emit: (change: Change) => void): void {
  const id = event.entity;
  const last = before.worker(id);
  const next = after.worker(id);
  if (!next) return;
  if (event.type === 'WorkerBeat' && last && last.status === next.status && last.state === next.state) {
    return emit({ kind: 'worker', id, urgency: 'heartbeat' });
  }
  movedWorker(id, last, next, emit);
}

function movedWorker(
  id: string,
  last: WorkerRecord | undefined,
  next: WorkerRecord,
  emit: (change: Change) => void,
): void {
  const lastEnd = last ? endKey(last) : null;
  const gone = lastEnd !== null && lastEnd !== endKey(next) ? [lastEnd] : [];
  emit({ kind: 'worker', id, urgency: 'transition', moved: true, fresh: !last, gone });
}

/** An hour that is over has its final figures, under an additional key, and counts into those of its day. */
function closedHours(state: State, since: number, emit: (change: Change) => void): void {
  const now = currentHour(state);
  if (since >= now) return;
  state.tables.hours.forRange(since, now, false, (hour) => {
    emit({ kind: 'hour', id: String(hour), urgency: 'transition' });
  });
  state.tables.days.forRange(dayOfHour(since), dayOfHour(now - 1), true, (day) => {
    emit({ kind: 'day', id: String(day), urgency: 'transition' });
  });
}

const dayOfHour = (hour: number): number => Math.floor((hour * HOUR_MS) / DAY_MS);
