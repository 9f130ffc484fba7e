/**
 * The verdict on one worker, from the fold alone.
 *
 *     orphaned    reconciliation has found that its instance does not exist, and nothing was heard of it since
 *     missing     its instance runs, but it has not registered
 *     silent      nothing was heard of it for so long that its jobs returned to the queue
 *     suspended   its attempts failed by its own fault, one after the other
 *     idle        it has had no job for long, although it would take one, and none waited then
 */
import { formatTime } from '../../protocol/time.ts';
import type { Evidence } from '../../protocol/verdict.ts';
import type { WorkerVerdictStatus } from '../../protocol/worker.ts';
import { faultsInARow, rowOf, suspended, waits } from '../state-machine/state/able.ts';
import type { WorkerRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';

export type WorkerJudgement = { status: WorkerVerdictStatus; since_ms: number; reason: string; evidence: Evidence };

/** So long a worker must have had no job to be idle. */
const IDLE_MS = 30 * 60_000;

/** Null of a worker that has none: it is TERMINATED, or known from sightings. */
export function judgeWorker(state: State, worker: WorkerRecord, at_ms: number): WorkerJudgement | null {
  if (worker.state === 'TERMINATED' || worker.reported) return null;
  return (
    orphaned(worker) ??
    missing(worker) ??
    silent(worker, at_ms) ??
    suspendedWorker(worker) ??
    idle(state, worker, at_ms) ?? { status: 'ok', since_ms: at_ms, reason: 'Nothing is wrong.', evidence: {} }
  );
}

const heardOf = ({ heartbeat_ms, created_ms }: WorkerRecord): number => heartbeat_ms ?? created_ms;

/** It was found by a listing; only a sign of life ends it. */
function orphaned(worker: WorkerRecord): WorkerJudgement | null {
  const { verdict } = worker;
  return verdict?.status === 'orphaned' && heardOf(worker) <= verdict.since_ms ? verdict : null;
}

function missing({ state, found, instance_id, created_ms }: WorkerRecord): WorkerJudgement | null {
  if (!found || state !== 'STARTING' || instance_id === null) return null;
  return {
    status: 'missing',
    since_ms: created_ms,
    reason: `Instance ${instance_id} runs, but its worker has not registered.`,
    evidence: { instance_id },
  };
}

function silent(worker: WorkerRecord, at_ms: number): WorkerJudgement | null {
  if (worker.status !== 'UNHEALTHY' || worker.health.status === 'UNHEALTHY') return null;
  const since_ms = heardOf(worker);
  const silent_seconds = Math.round((at_ms - since_ms) / 1000);
  return {
    status: 'silent',
    since_ms,
    reason: `Nothing was heard of it since ${formatTime(since_ms)}.`,
    evidence: { silent_seconds },
  };
}

function suspendedWorker(worker: WorkerRecord): WorkerJudgement | null {
  const { faults } = worker;
  if (!suspended(worker) || !faults) return null;
  return {
    status: 'suspended',
    since_ms: faults.failed_ms,
    reason: `It gets no jobs but one on trial: ${rowOf(faults)}.`,
    evidence: { failed_in_a_row: faultsInARow(faults), last_error_code: faults.code },
  };
}

function idle(state: State, worker: WorkerRecord, at_ms: number): WorkerJudgement | null {
  if (!waits(worker)) return null;
  const since_ms = Math.max(worker.created_ms, worker.freed_ms ?? 0);
  if (at_ms - since_ms < IDLE_MS) return null;
  // Until it gets a job: a job that waits for a moment is no news of every worker.
  if (worker.verdict?.status !== 'idle' && anyWaits(state)) return null;
  return {
    status: 'idle',
    since_ms,
    reason: `It has had no job since ${formatTime(since_ms)}.`,
    evidence: { idle_seconds: Math.round((at_ms - since_ms) / 1000) },
  };
}

export function anyWaits({ tables: { waiting } }: State): boolean {
  return waiting.high.size + waiting.normal.size + waiting.low.size > 0;
}
