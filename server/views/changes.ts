/**
 * Which views a segment changed. A job's events change its own views, those of a worker that holds it, and the sums; what
 * the events don't say is read off the fold before and after.
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
  tell: (change: Change) => void,
): void {
  let urgency: Urgency = 'heartbeat';
  const workers = new Set<string>();
  for (const event of events) {
    const kind = SHOWN_BY[event.type];
    if (event.type === 'JobProgressed') progressChange(event.entity, after, workers, tell);
    else if (kind === 'job') jobChanges(event, before, after, tell);
    else if (kind === 'worker') workerChange(event, before, after, tell);
    else if (kind === 'alert') tell({ kind, id: event.entity, urgency: 'transition', moved: true });
    if (kind !== null && !SOFT.has(event.type)) urgency = 'sums';
  }
  const hour = currentHour(after);
  if (after.tables.hours.get(hour)?.version === seq) {
    tell({ kind: 'hour', id: String(hour), urgency });
    tell({ kind: 'day', id: String(Math.floor(after.at_ms / DAY_MS)), urgency });
  }
  closedHours(after, currentHour(before), tell);
  tell({ kind: 'queues', id: '', urgency });
  tell({ kind: 'health', id: '', urgency });
}

/** Every change after segment `seq`, where the segments themselves were not seen. `hour`: the hour log time was in then. */
export function changesSince(seq: number, hour: number, state: State, tell: (change: Change) => void): void {
  const { tables } = state;
  const urgency = 'transition';
  const moved = true;
  for (const [id, job] of tables.jobs.entries()) if (job.version > seq) tell({ kind: 'job', id, urgency, moved });
  for (const [id, worker] of tables.workers.entries()) {
    if (workerVersion(state, worker) > seq) tell({ kind: 'worker', id, urgency, moved });
  }
  for (const [id, alert] of tables.alerts.entries()) {
    if (alert.version > seq) tell({ kind: 'alert', id, urgency, moved });
  }
  for (const [id, { version }] of tables.hours.entries()) {
    if (version > seq) tell({ kind: 'hour', id: String(id), urgency });
  }
  for (const [id, { version }] of tables.days.entries()) {
    if (version > seq) tell({ kind: 'day', id: String(id), urgency });
  }
  closedHours(state, hour, tell);
  if (state.seq > seq) {
    tell({ kind: 'queues', id: '', urgency });
    tell({ kind: 'health', id: '', urgency });
  }
}

/**
 * Every change between two folds of which the later one replaced the other. What left memory in between changed, too: this
 * instance may have written views of it that were older than those of its end. A worker with the same id and another ordinal
 * is another: the views of the earlier one's end stay.
 */
export function changesBetween(before: State, after: State, tell: (change: Change) => void): void {
  const urgency = 'transition';
  const moved = true;
  changesSince(before.seq, currentHour(before), after, tell);
  for (const [id, job] of before.tables.jobs.entries()) {
    const next = after.job(id);
    if (next?.version === job.version) continue;
    tell({ kind: 'job', id, urgency, moved, gone: next ? forgottenKeys(job, next) : [] });
  }
  for (const [id, worker] of before.tables.workers.entries()) {
    const next = after.worker(id);
    if (next?.version === worker.version) continue;
    if (next?.ordinal === worker.ordinal) movedWorker(id, worker, next, tell);
    else tell({ kind: 'worker', id, urgency, moved });
  }
  for (const id of before.tables.alerts.keys()) {
    if (!after.tables.alerts.has(id)) tell({ kind: 'alert', id, urgency, moved });
  }
}

/** Whose views show an event; null: it is about memory alone. */
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
  JobDropped: 'job',
  JobObserved: 'job',
  WorkerLaunched: 'worker',
  WorkerRegistered: 'worker',
  WorkerBeat: 'worker',
  WorkerStatusChanged: 'worker',
  WorkerDraining: 'worker',
  WorkerRestarting: 'worker',
  WorkerTerminated: 'worker',
  AlertRaised: 'alert',
  AlertResolved: 'alert',
  AlertCleared: null,
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

/** No transition, so that the sums need not hurry for it. */
const SOFT: ReadonlySet<EventType> = new Set(['JobProgressed', 'WorkerBeat']);

/** The most frequent change, and the simplest. `workers`: those already reported for a job that progressed. */
function progressChange(id: string, after: State, workers: Set<string>, tell: (change: Change) => void): void {
  const job = after.job(id);
  if (!job) return;
  tell({ kind: 'job', id, urgency: 'progress' });
  if (!job.run || workers.has(job.run.worker_id)) return;
  workers.add(job.run.worker_id);
  workerOf(job.run.worker_id, after, 'progress', tell);
}

function jobChanges(event: JournalEvent, before: State, after: State, tell: (change: Change) => void): void {
  const id = event.entity;
  const next = after.job(id);
  if (!next) return;
  const returning = event.type === 'JobObserved' ? event.data.returning : undefined;
  const last = before.job(id) ?? returning?.job;
  // A sighting of a job that goes on as before is progress, too.
  const goesOn = event.type === 'JobObserved' && last?.state === next.state && !finished(next.state);
  const urgency = goesOn ? 'progress' : 'transition';
  tell({ kind: 'job', id, urgency, moved: !goesOn, fresh: !last, gone: last ? forgottenKeys(last, next) : [] });
  const work = goesOn ? 'progress' : 'work';
  if (event.type === 'JobAssigned') workerOf(event.data.worker_id, after, work, tell);
  if (event.type === 'JobObserved') sightedWorker(event.data.sighting.worker_id, before, after, tell);
  if (next.run) workerOf(next.run.worker_id, after, work, tell);
  if (last?.run && last.run.worker_id !== next.run?.worker_id) workerOf(last.run.worker_id, after, work, tell);
}

function workerOf(worker_id: string, after: State, urgency: Urgency, tell: (change: Change) => void): void {
  const worker = after.worker(worker_id);
  if (worker && workerVersion(after, worker) === after.seq) tell({ kind: 'worker', id: worker_id, urgency });
}

/** A sighting makes the worker that it names known, or brings it back; also one that has no job, as of a job that waits. */
function sightedWorker(id: string | null, before: State, after: State, tell: (change: Change) => void): void {
  const last = id === null ? undefined : before.worker(id);
  const next = id === null ? undefined : after.worker(id);
  if (id === null || !next) return;
  if (last?.created_ms !== next.created_ms) movedWorker(id, last, next, tell);
  else workerOf(id, after, 'work', tell);
}

/** A very long history drops its third entry and those after it, and with them workers and ends: what stood of those is to go. */
function forgottenKeys(last: JobRecord, next: JobRecord): readonly string[] {
  if (last.history[2] === undefined || last.history[2] === next.history[2]) return [];
  const { present, absent } = jobView(next);
  const known = new Set([...present.map(({ key }) => key), ...absent]);
  return jobView(last).present.flatMap(({ key }) => (known.has(key) ? [] : [key]));
}

function workerChange(event: JournalEvent, before: State, after: State, tell: (change: Change) => void): void {
  const id = event.entity;
  const last = before.worker(id);
  const next = after.worker(id);
  if (!next) return;
  if (event.type === 'WorkerBeat' && last && last.status === next.status && last.state === next.state) {
    return tell({ kind: 'worker', id, urgency: 'heartbeat' });
  }
  movedWorker(id, last, next, tell);
}

function movedWorker(
  id: string,
  last: WorkerRecord | undefined,
  next: WorkerRecord,
  tell: (change: Change) => void,
): void {
  const lastEnd = last ? endKey(last) : null;
  const gone = lastEnd !== null && lastEnd !== endKey(next) ? [lastEnd] : [];
  tell({ kind: 'worker', id, urgency: 'transition', moved: true, fresh: !last, gone });
}

/** An hour that is over has its final figures, under one key more, and counts into those of its day. */
function closedHours(state: State, since: number, tell: (change: Change) => void): void {
  const now = currentHour(state);
  if (since >= now) return;
  state.tables.hours.forRange(since, now, false, (hour) => {
    tell({ kind: 'hour', id: String(hour), urgency: 'transition' });
  });
  state.tables.days.forRange(dayOfHour(since), dayOfHour(now - 1), true, (day) => {
    tell({ kind: 'day', id: String(day), urgency: 'transition' });
  });
}

const dayOfHour = (hour: number): number => Math.floor((hour * HOUR_MS) / DAY_MS);
