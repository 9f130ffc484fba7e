/**
 * The complete layout of the documents: the views of each subject. Everything here is a pure function of the fold; the
 * publisher writes views as they change, a rebuild writes all at once, and both leave the same bytes.
 */
import { finished, type JobRecord, type WorkerRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { activeJobKeys, activeJobView } from './active-jobs.ts';
import { activeWorkerKeys, activeWorkerView } from './active-workers.ts';
import { alertView } from './alerts.ts';
import { deadLetterView } from './dead-letters.ts';
import { finishedJobView } from './finished-jobs.ts';
import { healthView } from './health.ts';
import { activeAlertKey, deadLetterKey, type Subject } from './keys.ts';
import { dayView, hourView } from './metrics.ts';
import { queuesView } from './queues.ts';
import { terminatedWorkerView } from './terminated-workers.ts';
import { together, type View } from './view.ts';
import { workerHistoryView } from './worker-history.ts';

export function jobView(job: JobRecord): View {
  return together([finishedJobView(job), deadLetterView(job), activeJobView(job), workerHistoryView(job)]);
}

export function workerView(state: State, worker: WorkerRecord): View {
  return together([activeWorkerView(state, worker), terminatedWorkerView(worker)]);
}

/**
 * undefined if the fold has no such period, or no longer. A job, worker or alert that it does not have is not active,
 * and no longer has views here.
 */
export function viewOf(state: State, { kind, id }: Subject): View | undefined {
  const { tables } = state;
  switch (kind) {
    case 'job': {
      const job = tables.jobs.get(id);
      return job ? jobView(job) : { present: [], absent: [...activeJobKeys(id), deadLetterKey(id)] };
    }
    case 'worker': {
      const worker = tables.workers.get(id);
      return worker ? workerView(state, worker) : { present: [], absent: activeWorkerKeys(id) };
    }
    case 'alert': {
      const alert = tables.alerts.get(id);
      return alert ? alertView(alert) : { present: [], absent: [activeAlertKey(id)] };
    }
    case 'hour':
      return tables.hours.has(Number(id)) ? hourView(state, Number(id)) : undefined;
    case 'day':
      return tables.days.has(Number(id)) ? dayView(state, Number(id)) : undefined;
    case 'queues':
      return queuesView(state);
    case 'health':
      return healthView(state);
  }
}

/** Whether it has ended: the instance that archives it may remove its views. */
export function hasEnded({ tables }: State, { kind, id }: Subject): boolean {
  switch (kind) {
    case 'job': {
      const job = tables.jobs.get(id);
      return !job || finished(job.state);
    }
    case 'worker':
      return (tables.workers.get(id)?.state ?? 'TERMINATED') === 'TERMINATED';
    case 'alert':
      return tables.alerts.get(id)?.resolved_ms !== null;
    default:
      return false;
  }
}

/** Every subject with views in the fold. */
export function* subjectsOf({ tables, seq }: State): Generator<Subject> {
  if (seq === 0) return;
  for (const id of tables.jobs.keys()) yield { kind: 'job', id };
  for (const id of tables.workers.keys()) yield { kind: 'worker', id };
  for (const id of tables.alerts.keys()) yield { kind: 'alert', id };
  for (const hour of tables.hours.keys()) yield { kind: 'hour', id: String(hour) };
  for (const day of tables.days.keys()) yield { kind: 'day', id: String(day) };
  yield { kind: 'queues', id: '' };
  yield { kind: 'health', id: '' };
}
