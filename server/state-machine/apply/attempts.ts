/** Ends attempts: frees the worker, and counts time, cost and faults. */
import { suspended } from '../state/able.ts';
import { countInPeriods } from '../state/periods.ts';
import { type AttemptError, type JobRecord, SILENT, type WorkerRecord } from '../state/records.ts';
import { share } from '../state/shares.ts';
import type { State } from '../state/state.ts';
import { microUsd, plus } from '../state/sums.ts';
import { withFault } from './faults.ts';

/** How an attempt counts for its worker. */
export type Verdict = 'completed' | 'failed' | 'neither';

export type AttemptEnd = {
  cost_usd: number | null;
  verdict: Verdict;
  /** Null if it completed. */
  error: Omit<AttemptError, 'retryable'> | null;
  /** See JobAttemptFailed. */
  trial_ms?: number | undefined;
};

export const CANCELLED = { code: 'cancelled', message: 'Cancelled' };

/** Not below 0: the start of a job that runs elsewhere comes from its source's clock. */
export const since = (state: State, from_ms: number): number => Math.max(0, state.at_ms - from_ms);

/** Ends the current attempt. */
export function endRun(
  state: State,
  job: JobRecord,
  { cost_usd, verdict, error, trial_ms }: AttemptEnd,
): Partial<JobRecord> {
  const { run } = job;
  if (!run || run.ended_ms !== null) return {};
  const taken_ms = since(state, run.assigned_ms);
  if (cost_usd !== null) countInPeriods(state, { cost_usd });
  const done = verdict === 'completed';
  share(state, run, {
    completed: done ? 1 : 0,
    attempts_failed: verdict === 'failed' ? 1 : 0,
    processing_ms: done ? taken_ms : 0,
    busy_ms: taken_ms,
    audio_ms: done ? (job.duration_seconds ?? 0) * 1000 : 0,
    cost_micro_usd: microUsd(cost_usd ?? 0),
  });
  const silent = error !== null && SILENT.has(error.code);
  const gpu_usage = release(state, run.worker_id, job.job_id, { taken_ms, verdict, silent });
  const worker = state.worker(run.worker_id);
  if (worker && error !== null && trial_ms !== undefined) {
    const attempt = { job_id: job.job_id, assigned_ms: run.assigned_ms, error, trial_ms };
    state.putWorker({ ...worker, faults: withFault(worker.faults, attempt, state.at_ms) });
  }
  return {
    run: {
      ...run,
      ended_ms: state.at_ms,
      expires_ms: null,
      gpu_usage,
      cost_usd,
      error_code: error?.code ?? null,
      fault: error?.fault ?? null,
    },
    kill_ms: null,
    progress: job.progress?.pulse ? { ...job.progress, pulse: null } : job.progress,
    instance_ms: plus(job.instance_ms, taken_ms),
    actual_cost_usd: cost_usd === null ? job.actual_cost_usd : plus(job.actual_cost_usd ?? 0, cost_usd),
  };
}

/** Takes the job from the worker. Returns the worker's mean GPU usage during the job, null if unknown. */
export function release(
  state: State,
  worker_id: string,
  job_id: string,
  { taken_ms, verdict, silent = false }: { taken_ms: number; verdict: Verdict; silent?: boolean },
): number | null {
  const worker = state.worker(worker_id);
  if (!worker) return null;
  const held = worker.holds.find((hold) => hold.job_id === job_id);
  const holds = worker.holds.filter((hold) => hold.job_id !== job_id);
  const { faults, ...rest } = worker;
  const done = verdict === 'completed';
  const next: WorkerRecord = {
    ...rest,
    ...(faults === undefined || done ? {} : { faults }),
    version: state.seq,
    status: done && suspended(worker) && worker.status === 'DEGRADED' ? 'HEALTHY' : worker.status,
    holds,
    ...(held && holds.length === 0 && { freed_ms: state.at_ms }),
    // What a silent worker does is not known: it is IDLE once it says so.
    state: worker.state === 'ACTIVE' && holds.length === 0 && !silent ? 'IDLE' : worker.state,
    jobs_completed: worker.jobs_completed + (done ? 1 : 0),
    jobs_failed: worker.jobs_failed + (verdict === 'failed' ? 1 : 0),
    runtime_ms: plus(worker.runtime_ms, taken_ms),
    completed_runtime_ms: plus(worker.completed_runtime_ms, done ? taken_ms : 0),
  };
  state.putWorker(next);
  return held && held.gpu_count > 0 ? held.gpu_sum / held.gpu_count : null;
}
