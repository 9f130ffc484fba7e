/** The verdict: from the reports and progress of every job, and the sources read, to the document. Pure. */
import type { CheckDocument, CheckedJob, CheckedSource, CheckedWorker } from '../../protocol/check.ts';
import type { Sighting } from '../../protocol/sighting.ts';
import { formatTime, parseTime } from '../../protocol/time.ts';
import { type EvidenceOptions, type Examined, evidenceWarnings } from './evidence.ts';
import { etaOf, heardAt, isAhead, paceLimit, paceOf, stillFor, stuckLimit, type Track } from './track.ts';
import { counted, inWords, percent, span } from './words.ts';

export type CheckOptions = {
  stuck_after_ms: number;
  quiet_after_ms: number;
  /** How far back to look. */
  since_ms: number;
  /** Failure rate above which failed jobs are a problem, 0 to 1. */
  failures_allowed: number;
} & EvidenceOptions;

export const CHECK_DEFAULTS: CheckOptions = {
  stuck_after_ms: 30 * 60_000,
  quiet_after_ms: 5 * 60_000,
  since_ms: 24 * 3_600_000,
  failures_allowed: 0,
  queued_after_ms: 6 * 3_600_000,
  unreadable_allowed: { count: 0 },
};

/** A job, merged from all sources. */
export type KnownJob = { sighting: Sighting; source: string; track: Track };

export type Known = { jobs: readonly KnownJob[]; sources: readonly Examined[]; now_ms: number };

const FAILED_SHOWN_MAX = 100;

export function judge({ jobs, sources: examined, now_ms }: Known, options: CheckOptions): CheckDocument {
  const sources = examined.map(({ checked }) => checked);
  const since_ms = now_ms - options.since_ms;
  const recent = jobs.filter(({ sighting }) => isOpen(sighting) || (sighting.ended_ms ?? sighting.told_ms) >= since_ms);
  const checked = recent.map((job) => checkJob(job, now_ms, options));
  const running = checked.filter(({ state }) => state === 'PROCESSING').sort(byStuckThenId);
  const failed = checked.filter(({ state }) => state === 'FAILED').sort(newestFirst);
  const completed = checked.filter(({ state }) => state === 'COMPLETED').length;
  const workers = checkWorkers(jobs, now_ms, options);
  const ended = completed + failed.length;
  const rate = ended === 0 ? null : failed.length / ended;

  const problems: CheckDocument['problems'] = [
    ...running.filter(({ stuck }) => stuck).map((job) => stuckProblem(job, workers)),
    ...workers.filter(({ quiet }) => quiet).map(quietProblem),
    ...(rate !== null && rate > options.failures_allowed ? failed.map(failedProblem) : []),
    ...waitingProblems(checked, sources, now_ms, options),
    ...sources.flatMap((source) => queueProblems(source, options)),
    ...sources.flatMap(({ alerts }) =>
      alerts.map(({ id, message }) => ({ kind: 'alert' as const, subject: id, says: message })),
    ),
  ];
  const warnings = [...aheadWarnings(jobs, now_ms), ...evidenceWarnings(examined, options, { now_ms })];
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

/** As people know it. */
const nameOf = ({ job_id, reported_id }: { job_id: string; reported_id?: string | null }): string =>
  reported_id ?? job_id;

const isOpen = ({ state }: Sighting): boolean => state === 'QUEUED' || state === 'PROCESSING';

function checkJob({ sighting, source, track }: KnownJob, now_ms: number, options: CheckOptions): CheckedJob {
  const runs = sighting.state === 'PROCESSING';
  const still_ms = stillFor(track, now_ms);
  const limit_ms = stuckLimit(track, options.stuck_after_ms);
  const stuck = runs && still_ms > limit_ms;
  const pace = paceOf(track);
  const eta_ms = runs && !stuck ? etaOf(track, now_ms) : null;
  const time = (value_ms: number | null) => (value_ms === null ? null : formatTime(value_ms));
  return {
    job_id: sighting.job_id,
    reported_id: sighting.reported_id ?? null,
    source,
    state: sighting.state,
    worker_id: sighting.worker_id,
    stuck,
    percentage: sighting.percentage,
    stage: sighting.stage,
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

/**
 * Any report about a worker's jobs counts as a sign of life. A worker without jobs may be silent: it is idle, or has
 * exited. One whose jobs report rarely is given the time they need.
 */
function checkWorkers(jobs: readonly KnownJob[], now_ms: number, options: CheckOptions): CheckedWorker[] {
  const heard = new Map<string, number>();
  const held = new Map<string, { ids: string[]; patience_ms: number }>();
  for (const { sighting, track } of jobs) {
    const { worker_id, state } = sighting;
    if (worker_id === null) continue;
    const heard_ms = heardAt(sighting.told_ms, track.seen_ms, now_ms);
    heard.set(worker_id, Math.max(heard.get(worker_id) ?? 0, heard_ms));
    if (state !== 'PROCESSING') continue;
    const limit_ms = paceLimit(track, options.stuck_after_ms) ?? 0;
    const entry = held.get(worker_id) ?? { ids: [], patience_ms: Number.POSITIVE_INFINITY };
    held.set(worker_id, { ids: [...entry.ids, nameOf(sighting)], patience_ms: Math.min(entry.patience_ms, limit_ms) });
  }
  return [...held]
    .map(([worker_id, { ids, patience_ms }]) => {
      const heard_ms = heard.get(worker_id) ?? now_ms;
      const silent_ms = Math.max(0, now_ms - heard_ms);
      return {
        worker_id,
        quiet: silent_ms > Math.max(options.quiet_after_ms, patience_ms),
        heard_at: formatTime(heard_ms),
        silent_seconds: Math.round(silent_ms / 1000),
        running: ids.sort(),
      };
    })
    .sort((a, b) => Number(b.quiet) - Number(a.quiet) || compare(a.worker_id, b.worker_id));
}

/** A silent worker has died; one that still reports hangs. */
function stuckProblem(job: CheckedJob, workers: readonly CheckedWorker[]): CheckDocument['problems'][number] {
  const worker = workers.find(({ worker_id }) => worker_id === job.worker_id);
  const allowed = span(job.progress_within_seconds ?? 0);
  const cause =
    worker === undefined
      ? ''
      : worker.quiet
        ? `; ${worker.worker_id} is silent too: it has died`
        : `; ${worker.worker_id} reported ${span(worker.silent_seconds)} ago: it hangs`;
  const at = job.percentage === null ? '' : ` at ${percent(job.percentage)}`;
  const says = `no progress${at} for ${span(job.still_seconds ?? 0)}, expected within ${allowed}${cause}`;
  return { kind: 'job_stuck', subject: nameOf(job), says };
}

function quietProblem({ worker_id, silent_seconds, running }: CheckedWorker): CheckDocument['problems'][number] {
  const shown =
    running.length > 3 ? `${running.slice(0, 3).join(', ')} and ${running.length - 3} more` : running.join(', ');
  return {
    kind: 'worker_quiet',
    subject: worker_id,
    says: `silent for ${span(silent_seconds)}; it holds ${shown}`,
  };
}

function failedProblem(job: CheckedJob): CheckDocument['problems'][number] {
  const { worker_id, error } = job;
  const on = worker_id === null ? '' : ` on ${worker_id}`;
  const says = `failed${on}: ${error ?? 'no reason reported'}`;
  return { kind: 'job_failed', subject: nameOf(job), says, at: job.ended_at ?? job.told_at };
}

/** Of a queue that tells the age of its oldest message, that age is the problem. */
function waitingProblems(
  jobs: readonly CheckedJob[],
  sources: readonly CheckedSource[],
  now_ms: number,
  { queued_after_ms }: CheckOptions,
): CheckDocument['problems'] {
  const queues = new Set(sources.filter(({ queue }) => queue !== null).map(({ name }) => name));
  return jobs.flatMap((job) => {
    const waits_ms = now_ms - parseTime(job.told_at);
    if (job.state !== 'QUEUED' || queues.has(job.source) || waits_ms <= queued_after_ms) return [];
    return [{ kind: 'job_waits' as const, subject: nameOf(job), says: `has waited for ${span(waits_ms / 1000)}` }];
  });
}

function queueProblems({ name, queue }: CheckedSource, options: CheckOptions): CheckDocument['problems'] {
  if (queue === null) return [];
  const problems: CheckDocument['problems'] = [];
  const { waiting, oldest_seconds, dead_letters } = queue;
  // While none waits, the oldest message is in flight.
  if (waiting > 0 && oldest_seconds !== null && oldest_seconds * 1000 > options.stuck_after_ms) {
    problems.push({ kind: 'queue_old', subject: name, says: `the oldest has waited ${span(oldest_seconds)}` });
  }
  if (dead_letters !== null && dead_letters > 0) {
    problems.push({ kind: 'dead_letters', subject: name, says: `${counted(dead_letters, 'dead letter')}` });
  }
  return problems;
}

function aheadWarnings(jobs: readonly KnownJob[], now_ms: number): CheckDocument['warnings'] {
  const byTeller = new Map<string, { ahead_ms: number; job_id: string }>();
  for (const { sighting } of jobs) {
    if (!isAhead(sighting.told_ms, now_ms)) continue;
    const teller = sighting.worker_id ?? sighting.job_id;
    const ahead_ms = sighting.told_ms - now_ms;
    if (ahead_ms > (byTeller.get(teller)?.ahead_ms ?? 0)) byTeller.set(teller, { ahead_ms, job_id: nameOf(sighting) });
  }
  return [...byTeller].map(([subject, { ahead_ms, job_id }]) => ({
    kind: 'clock_ahead' as const,
    subject,
    says: `its clock is ${span(ahead_ms / 1000)} ahead of this machine’s (${job_id}): its times are ignored`,
    unknown: false,
  }));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const byStuckThenId = (a: CheckedJob, b: CheckedJob): number =>
  Number(b.stuck) - Number(a.stuck) || compare(a.job_id, b.job_id);

const newestFirst = (a: CheckedJob, b: CheckedJob): number =>
  compare(b.told_at, a.told_at) || compare(a.job_id, b.job_id);

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
