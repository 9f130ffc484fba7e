/** The verdict: from the reports and progress of every job, and the sources read, to the document. Pure. */
import type { CheckDocument, CheckedJob } from '../../protocol/check.ts';
import type { Sighting } from '../../protocol/sighting.ts';
import { formatTime } from '../../protocol/time.ts';
import { clockWarnings } from './clocks.ts';
import { type EvidenceOptions, type Examined, evidenceWarnings } from './evidence.ts';
import { failedProblem, queueProblems, quietProblem, stuckProblem, waitingProblems } from './problems.ts';
import { etaOf, paceOf, stillFor, stuckLimit, type Track } from './track.ts';
import { inWords } from './words.ts';
import { checkWorkers, type WorkerOptions } from './workers.ts';

export type CheckOptions = {
  stuck_after_ms: number;
  /** How far back to look. */
  since_ms: number;
  /** Failure rate above which failed jobs are a problem, 0 to 1. */
  failures_allowed: number;
  /** The zone of this machine, minutes east of UTC. Default: its zone. */
  local_minutes?: number;
} & WorkerOptions &
  EvidenceOptions;

export const CHECK_DEFAULTS: CheckOptions = {
  stuck_after_ms: 30 * 60_000,
  quiet_after_ms: 5 * 60_000,
  since_ms: 24 * 3_600_000,
  failures_allowed: 0,
  queued_after_ms: 6 * 3_600_000,
  unreadable_allowed: { count: 0 },
};

/** A job, merged from all sources. `off_ms`: how far its teller's times seem to be behind, as those of another zone. */
export type KnownJob = { sighting: Sighting; source: string; track: Track; off_ms?: number | undefined };

/** The completed jobs since then, and when each worker last reported one. */
export type Completed = { count: number; heard: ReadonlyMap<string, number> };

/** `jobs`: all but completed ones. */
export type Known = {
  jobs: readonly KnownJob[];
  completed: Completed;
  sources: readonly Examined[];
  now_ms: number;
};

const FAILED_SHOWN_MAX = 100;

export function judge(
  { jobs, completed: { count: completed, heard }, sources: examined, now_ms }: Known,
  options: CheckOptions,
): CheckDocument {
  const sources = examined.map(({ checked }) => checked);
  const heartbeats = new Map(examined.flatMap(({ evidence }) => [...evidence.heartbeats]));
  const since_ms = now_ms - options.since_ms;
  const recent = jobs.filter(({ sighting }) => isOpen(sighting) || (sighting.ended_ms ?? sighting.told_ms) >= since_ms);
  const workers = checkWorkers(jobs, { heard, heartbeats }, now_ms, options);
  const healthy = new Set([...heartbeats].filter(([, one]) => one.healthy).map(([worker_id]) => worker_id));
  const checked = recent.map((job) => checkJob(job, { healthy, now_ms }, options));
  const running = checked.filter(({ state }) => state === 'PROCESSING').sort(byStuckThenId);
  const failed = checked.filter(({ state }) => state === 'FAILED').sort(newestFirst);
  const ended = completed + failed.length;
  const rate = ended === 0 ? null : failed.length / ended;

  const problems: CheckDocument['problems'] = [
    ...running.filter(({ stuck }) => stuck).map((job) => stuckProblem(job, workers)),
    ...workers.filter(({ quiet }) => quiet).map(quietProblem),
    ...(rate !== null && rate > options.failures_allowed ? failed.map(failedProblem) : []),
    ...waitingProblems(checked, sources, { now_ms, queued_after_ms: options.queued_after_ms }),
    ...sources.flatMap((source) => queueProblems(source, options.stuck_after_ms)),
    ...sources.flatMap(({ alerts }) =>
      alerts.map(({ id, message }) => ({ kind: 'alert' as const, subject: id, says: message })),
    ),
  ];
  const warnings = [...clockWarnings(jobs, now_ms, options), ...evidenceWarnings(examined, options, { now_ms })];
  const known = sources.every(({ read }) => read) && !warnings.some(({ unknown }) => unknown);
  const document: CheckDocument = {
    verdict: problems.length > 0 ? 'wrong' : known ? 'well' : 'unknown',
    checked_at: formatTime(now_ms),
    since: formatTime(since_ms),
    says: '',
    problems,
    warnings,
    counts: {
      queued: checked.filter(({ state }) => state === 'QUEUED').length,
      running: running.length,
      stuck: running.filter(({ stuck }) => stuck).length,
      completed,
      failed: failed.length,
      failure_rate: rate,
    },
    running,
    failed: failed.slice(0, FAILED_SHOWN_MAX),
    workers,
    sources,
  };
  return { ...document, says: inWords(document) };
}

const isOpen = ({ state }: Sighting): boolean => state === 'QUEUED' || state === 'PROCESSING';

function checkJob(
  { sighting, source, track, off_ms = 0 }: KnownJob,
  { healthy, now_ms }: { healthy: ReadonlySet<string>; now_ms: number },
  options: CheckOptions,
): CheckedJob {
  const { percentage, stage, worker_id } = sighting;
  const runs = sighting.state === 'PROCESSING';
  const still_ms = Math.max(0, stillFor(track, now_ms) - Math.max(0, off_ms));
  const limit_ms = stuckLimit(track, options.stuck_after_ms);
  // An engine may report no progress at all: then its worker's heartbeats are what shows that it works.
  const works = percentage === null && stage === null && worker_id !== null && healthy.has(worker_id);
  const stuck = runs && still_ms > limit_ms && !works;
  const pace = paceOf(track);
  const eta_ms = runs && !stuck ? etaOf(track, now_ms) : null;
  const time = (value_ms: number | null) => (value_ms === null ? null : formatTime(value_ms));
  return {
    job_id: sighting.job_id,
    reported_id: sighting.reported_id ?? null,
    source,
    state: sighting.state,
    worker_id,
    stuck,
    percentage,
    stage,
    percent_per_minute: runs && pace !== null ? round(pace * 60_000, 3) : null,
    eta_seconds: eta_ms === null ? null : Math.round(eta_ms / 1000),
    started_at: time(sighting.started_ms),
    ended_at: time(sighting.ended_ms),
    told_at: formatTime(sighting.told_ms),
    moved_at: formatTime(track.moved_ms),
    still_seconds: runs ? Math.round(still_ms / 1000) : null,
    progress_within_seconds: runs ? Math.round(limit_ms / 1000) : null,
    error: sighting.error,
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const byStuckThenId = (a: CheckedJob, b: CheckedJob): number =>
  Number(b.stuck) - Number(a.stuck) || compare(a.job_id, b.job_id);

const newestFirst = (a: CheckedJob, b: CheckedJob): number =>
  compare(b.told_at, a.told_at) || compare(a.job_id, b.job_id);

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
