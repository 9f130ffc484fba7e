/**
 * The verdict on one job, from the fold alone: pure, so that it can be replayed and simulated.
 *
 *     dead      its worker is silent for longer than its own heartbeats explain
 *     hung      the worker beats, but the job stands still for longer than its stage ever takes
 *     slow      the download, the load of the model or the pace takes much longer than usual here
 *     blocked   it waits, and no live worker can take it, or its tenant is paused
 *     starved   it waits far beyond the start that was expected when it was queued
 *
 * A limit is left again only well inside it, so that a verdict does not flicker. A reason is recorded once, so it names no
 * duration that grows: `since_ms` says how long it has been so, and the evidence has the figures of the moment.
 */
import { formatTime } from '../../protocol/time.ts';
import type { Evidence, VerdictStatus } from '../../protocol/verdict.ts';
import { awayAfter, isAway } from '../state-machine/state/beats.ts';
import { type HeldBack, heldBack, heldBackEvidence, heldBackReason } from '../state-machine/state/held-back.ts';
import { quantile, weightOf } from '../state-machine/state/histogram.ts';
import { claimable } from '../state-machine/state/job-indexes.ts';
import { figuresOf } from '../state-machine/state/pace.ts';
import {
  type JobRecord,
  type Run,
  runsElsewhere,
  tenantOf,
  type WorkerRecord,
} from '../state-machine/state/records.ts';
import { requirementOf } from '../state-machine/state/requirement.ts';
import type { State } from '../state-machine/state/state.ts';
import { type FleetView, fleetOf } from './fleet-view.ts';
import { type Phase, phaseOf, slowLimit, stillLimit } from './limits.ts';

export type Judgement = { status: VerdictStatus; since_ms: number; reason: string; evidence: Evidence };

/** A slow job is on track again once it is this part inside the limit. */
const BACK = 1.15;
/** Steps after which a pace counts. */
const PACE_STEPS = 5;
/** A shorter stage is not called slow. */
const SLOW_SECONDS_MIN = 20;
/** So long no worker must have been able before a job is blocked. */
const BLOCKED_MS = 15_000;
/** How far beyond the expected wait a job is starved. */
const STARVED_FACTOR = 1.5;
const STARVED_MS = 60_000;

/** `fleet`: of the same state and time, to judge many jobs. */
export function judge(state: State, job: JobRecord, at_ms: number, fleet = fleetOf(state)): Judgement {
  const { run } = job;
  if (job.state === 'PROCESSING' && run !== null && run.ended_ms === null) {
    const worker = state.worker(run.worker_id);
    return (
      dead(job, run, worker, at_ms) ??
      hungOrSlow(state, job, run, worker, at_ms) ??
      onTrack(job, run.assigned_ms, at_ms)
    );
  }
  const held = heldBack(state, job);
  const waits = claimable(job)
    ? (blocked(job, fleet(tenantOf(job), requirementOf(job)), held, at_ms) ?? starved(state, job, held, at_ms))
    : null;
  return waits ?? onTrack(job, job.queued_ms, at_ms);
}

function onTrack({ verdict }: JobRecord, since_ms: number, at_ms: number): Judgement {
  const back = verdict !== null;
  return {
    status: 'on_track',
    since_ms: back ? at_ms : since_ms,
    reason: back ? 'On track again.' : 'On track.',
    evidence: {},
  };
}

function dead(job: JobRecord, run: Run, worker: WorkerRecord | undefined, at_ms: number): Judgement | null {
  if (runsElsewhere(job))
    return worker?.status === 'UNHEALTHY' ? silent(run, worker, at_ms, awayAfter(worker), null) : null;
  if (worker === undefined || worker.state === 'TERMINATED') {
    const since_ms = worker?.terminated_ms ?? run.assigned_ms;
    return {
      status: 'dead',
      since_ms,
      reason: `Worker ${run.worker_id} is gone.`,
      evidence: { worker_id: run.worker_id },
    };
  }
  const heard_ms = Math.max(worker.heartbeat_ms ?? 0, run.assigned_ms, job.progress?.at_ms ?? 0);
  if (!isAway(worker, heard_ms, at_ms)) return null;
  return silent(
    run,
    { ...worker, heartbeat_ms: heard_ms },
    at_ms,
    awayAfter(worker),
    worker.beats?.interval_ms ?? null,
  );
}

function silent(
  run: Run,
  { heartbeat_ms }: WorkerRecord,
  at_ms: number,
  limit_ms: number,
  usual_ms: number | null,
): Judgement {
  const since_ms = heartbeat_ms ?? run.assigned_ms;
  const often = usual_ms === null ? '' : `; it usually sends a heartbeat every ${inWords(usual_ms / 1000)}`;
  return {
    status: 'dead',
    since_ms,
    reason: `Nothing is heard of worker ${run.worker_id}${often}.`,
    evidence: {
      worker_id: run.worker_id,
      silent_seconds: seconds((at_ms - since_ms) / 1000),
      limit_seconds: seconds(limit_ms / 1000),
      ...(usual_ms === null ? {} : { heartbeat_interval_seconds: seconds(usual_ms / 1000) }),
    },
  };
}

function hungOrSlow(
  state: State,
  job: JobRecord,
  run: Run,
  worker: WorkerRecord | undefined,
  at_ms: number,
): Judgement | null {
  const pulse = job.progress?.pulse ?? null;
  const moved_ms = pulse?.moved_ms ?? run.assigned_ms;
  // As of its last heartbeat: a job whose worker is gone is not hung.
  const alive_ms = worker?.beats === undefined ? at_ms : Math.min(at_ms, worker.beats.last_ms);
  const still_ms = alive_ms - Math.max(moved_ms, worker?.beats?.back_ms ?? 0);
  const phase = phaseOf(job);
  const slowNow = job.verdict?.status === 'slow';
  // Most jobs have just moved: only their pace may have changed.
  if (phase !== 'work' && still_ms < SLOW_SECONDS_MIN * 1000) return null;
  const figures = figuresOf(state, run);
  const limit = stillLimit(job, phase, figures);
  if (still_ms > limit * 1000) {
    return {
      status: 'hung',
      since_ms: moved_ms,
      reason: `${STANDS[phase]}, although worker ${run.worker_id} is alive; ${inWords(limit)} would be long here.`,
      evidence: {
        worker_id: run.worker_id,
        part: phase,
        still_seconds: seconds(still_ms / 1000),
        limit_seconds: seconds(limit),
        ...figure('usual_seconds', figures.quantile(phase === 'work' ? 'gap' : phase, 0.5)),
        ...figure('gpu_usage', worker?.health.gpu_usage),
        jobs_known: Math.round(figures.jobs),
      },
    };
  }
  if (phase === 'download' || phase === 'load') {
    if (phase === 'download' && job.progress?.stage !== 'DOWNLOADING') return null;
    const usual = slowLimit(figures, phase);
    const taken = (at_ms - (phase === 'download' ? run.assigned_ms : (run.downloaded_ms ?? run.assigned_ms))) / 1000;
    if (usual === null || taken < Math.max(SLOW_SECONDS_MIN, usual)) return null;
    return slow(job, at_ms, {
      reason: `${SLOW[phase]} takes more than ${inWords(Math.max(SLOW_SECONDS_MIN, usual))}, usually ${inWords(figures.quantile(phase, 0.5)!)}.`,
      evidence: {
        worker_id: run.worker_id,
        part: phase,
        taken_seconds: seconds(taken),
        limit_seconds: seconds(usual),
        usual_seconds: seconds(figures.quantile(phase, 0.5)!),
      },
    });
  }
  if (pulse === null || pulse.first_ms === null || job.duration_seconds === null) return null;
  const done = ((job.progress!.percentage - pulse.first_percentage) / 100) * job.duration_seconds;
  const steps = weightOf(pulse.gaps);
  if (!(done > 0) || steps < PACE_STEPS) return null;
  const usual = slowLimit(figures, 'pace', steps);
  const worked = (moved_ms - pulse.first_ms) / 1000;
  const pace = worked / done;
  // One long step is not a slow job.
  const without = (worked - quantile(pulse.gaps, 1)!) / (done * (1 - 1 / steps));
  if (usual === null || Math.min(pace, without * BACK) < (slowNow ? usual / BACK : usual)) return null;
  const median = figures.quantile('pace', 0.5)!;
  return slow(job, at_ms, {
    reason: `A minute of audio takes ${inWords(60 * pace)} on worker ${run.worker_id}, usually ${inWords(60 * median)} on this hardware.`,
    evidence: {
      worker_id: run.worker_id,
      part: 'pace',
      seconds_per_audio_second: figured(pace),
      limit_seconds_per_audio_second: figured(usual),
      usual_seconds_per_audio_second: figured(median),
      ...figure('gpu_usage', worker?.health.gpu_usage),
      jobs_known: Math.round(figures.jobs),
    },
  });
}

function slow(
  { verdict }: JobRecord,
  at_ms: number,
  { reason, evidence }: Pick<Judgement, 'reason' | 'evidence'>,
): Judgement {
  return { status: 'slow', since_ms: verdict?.status === 'slow' ? verdict.since_ms : at_ms, reason, evidence };
}

const STANDS: { readonly [P in Phase]: string } = {
  download: 'The download has not ended',
  load: 'No progress after the download',
  work: 'No progress',
  finish: 'Everything is transcribed, but the job does not end',
};
const SLOW = { download: 'The network is slow: the download', load: 'Loading the model' } as const;

function blocked(job: JobRecord, fleet: FleetView, held: HeldBack | null, at_ms: number): Judgement | null {
  if (job.url_expires_ms !== null && job.url_expires_ms <= at_ms) {
    const expired = formatTime(job.url_expires_ms);
    return {
      status: 'blocked',
      since_ms: job.url_expires_ms,
      reason: `The signed URL of its recording expired at ${expired}: no worker can fetch it.`,
      evidence: { cause: 'url_expired', audio_url_expires_at: expired },
    };
  }
  if (held?.cause === 'tenant_paused') {
    const since_ms = Math.max(job.queued_ms, held.since_ms);
    return { status: 'blocked', since_ms, reason: heldBackReason(held), evidence: heldBackEvidence(held) };
  }
  if (fleet.able || fleet.coming > 0) return null;
  const since_ms = Math.max(job.queued_ms, fleet.able_until_ms);
  if (at_ms - since_ms < BLOCKED_MS) return null;
  const last = fleet.last_able === null ? '' : `; the last that could take jobs was ${fleet.last_able}`;
  return {
    status: 'blocked',
    since_ms,
    reason: `No live worker can take it: ${fleet.why}${last}.`,
    evidence: {
      cause: 'no_able_worker',
      live_workers: fleet.live,
      draining_workers: fleet.draining,
      suspended_workers: fleet.suspended,
      ...(fleet.unfit === 0 ? {} : { unfit_workers: fleet.unfit }),
      ...(fleet.last_able === null ? {} : { last_able_worker_id: fleet.last_able }),
    },
  };
}

function starved(state: State, job: JobRecord, held: HeldBack | null, at_ms: number): Judgement | null {
  const { start_by_ms, queued_ms } = job;
  if (start_by_ms === null) return null;
  const waited_ms = at_ms - queued_ms;
  const limit_ms = STARVED_FACTOR * (start_by_ms - queued_ms) + STARVED_MS;
  if (waited_ms < limit_ms) return null;
  const { live_workers, idle_workers } = state.fleet;
  const idle =
    idle_workers > 0
      ? `${idle_workers} of ${live_workers} workers are idle and claim nothing`
      : `${live_workers} workers are live, all busy`;
  return {
    status: 'starved',
    since_ms: start_by_ms,
    reason: `It still waits; when it was queued, a start within ${inWords((start_by_ms - queued_ms) / 1000)} was expected. ${held === null ? `${idle}.` : heldBackReason(held)}`,
    evidence: {
      ...(held === null ? {} : heldBackEvidence(held)),
      waited_seconds: seconds(waited_ms / 1000),
      expected_within_seconds: seconds((start_by_ms - queued_ms) / 1000),
      live_workers,
      idle_workers,
    },
  };
}

const seconds = (value: number): number => Math.round(value * 10) / 10;
const figured = (value: number): number => Number(value.toPrecision(3));
const figure = (name: string, value: number | null | undefined): Evidence =>
  value == null ? {} : { [name]: figured(value) };

function inWords(value: number): string {
  if (value < 10) return `${figured(value)} s`;
  if (value < 120) return `${Math.round(value)} s`;
  return value < 7_200 ? `${Math.round(value / 60)} min` : `${Math.round(value / 360) / 10} h`;
}
