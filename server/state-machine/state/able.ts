/**
 * Which workers can be counted on for a job, and which are suspended: too many attempts in a row failed by their fault, so
 * they get no jobs but one on trial at a time, until one completes.
 */
import type { HealthStatus } from '../../../protocol/worker.ts';
import type { WorkerFaults, WorkerRecord } from './records.ts';

/** A worker with as many faults in a row is suspended. */
export const FAULTS_MAX = 3;

export const faultsInARow = (faults: WorkerFaults | undefined): number =>
  faults === undefined ? 0 : faults.own + faults.jobs.length;

export const suspended = ({ faults }: Pick<WorkerRecord, 'faults'>): boolean => faultsInARow(faults) >= FAULTS_MAX;

/** Whether the worker may be expected to take and complete a job. */
export function able(worker: WorkerRecord): boolean {
  return (
    !worker.reported &&
    (worker.state === 'IDLE' || worker.state === 'ACTIVE') &&
    worker.status !== 'UNHEALTHY' &&
    worker.health.reason == null &&
    !suspended(worker)
  );
}

/** Whether it waits for jobs, as far as is known: not if nothing has been heard of it for long. */
export const waits = ({ state, status }: Pick<WorkerRecord, 'state' | 'status'>): boolean =>
  state === 'IDLE' && status !== 'UNHEALTHY';

/** How many more jobs a claim may give to the worker, of the `asked`. */
export function allowance(worker: WorkerRecord, asked: number, at_ms: number): number {
  if (!suspended(worker)) return asked;
  return worker.holds.length === 0 && at_ms >= worker.faults!.trial_ms ? Math.min(1, asked) : 0;
}

/** Why the worker gets no jobs although it lives: `takes no jobs: …`. Null if it gets them. */
export function whyNoJobs(worker: Pick<WorkerRecord, 'faults' | 'health'>): string | null {
  if (suspended(worker)) return `gets no jobs but one on trial: ${rowOf(worker.faults!)}`;
  return worker.health.reason == null ? null : `takes no jobs: ${worker.health.reason}`;
}

/** Without the words of the error, which belong to the job. */
export function rowOf(faults: WorkerFaults): string {
  return `${faultsInARow(faults)} failed attempts in a row, the last ${faults.code}${faults.job_id === undefined ? '' : ` of ${faults.job_id}`}`;
}

/** The status to show: a suspended worker is not HEALTHY, whatever it says. */
export function statusShown(worker: Pick<WorkerRecord, 'faults' | 'status'>): HealthStatus {
  return worker.status === 'HEALTHY' && suspended(worker) ? 'DEGRADED' : worker.status;
}
