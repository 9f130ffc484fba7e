/**
 * A random history of a small fleet, and what is true of it at any moment. Workers report steadily, each at its own pace; some jobs
 * fail, some are tried again, some workers die in the middle of a job, and some jobs wait for long.
 */
import type { SightedState } from '../../protocol/sighting.ts';
import type { Chance } from '../simulation/chance.ts';

export type Reported = {
  at_ms: number;
  job_id: string;
  worker_id: string | null;
  state: SightedState;
  started_ms: number | null;
  percentage: number | null;
  error: string | null;
};

/** The word of a log. */
export function eventOf({ state, percentage }: Reported): 'JOB_START' | 'JOB_PROGRESS' | 'JOB_COMPLETE' | 'JOB_FAILED' {
  if (state === 'COMPLETED') return 'JOB_COMPLETE';
  if (state === 'FAILED') return 'JOB_FAILED';
  return percentage === null ? 'JOB_START' : 'JOB_PROGRESS';
}

type Attempt = {
  job_id: string;
  worker_id: string;
  started_ms: number;
  /** Of its last report. */
  last_ms: number;
  end: 'COMPLETED' | 'FAILED' | 'DIES';
  /** Between two reports, at most. */
  pause_ms: number;
  step: number;
};

export type History = {
  reports: Reported[];
  attempts: Attempt[];
  waiting: { job_id: string; since_ms: number; until_ms: number }[];
};

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
export const SPAN_MS = 20 * HOUR;

/** `queued`: whether the system has a state for jobs that wait. */
export function historyOf(chance: Chance, from_ms: number, { queued }: { queued: boolean }): History {
  const history: History = { reports: [], attempts: [], waiting: [] };
  const workers = chance.whole(1, 4);
  let jobs = 0;
  for (let index = 0; index < workers; index += 1) {
    let at_ms = from_ms + chance.whole(0, 30) * MINUTE;
    let worker = 0;
    for (let left = chance.whole(1, 8); left > 0; left -= 1) {
      const job_id = chance.pick([`job-${jobs}`, `talks/${jobs} a.mp3`, `${jobs}`]);
      jobs += 1;
      if (queued && chance.happens(0.3)) {
        const until_ms = at_ms + chance.pick([MINUTE, 20 * MINUTE, 8 * HOUR]);
        history.waiting.push({ job_id, since_ms: at_ms, until_ms });
        history.reports.push(report(at_ms, job_id, null, 'QUEUED', null));
        at_ms = until_ms;
      }
      for (let tries = 0; tries < 2; tries += 1) {
        const attempt = attemptOf(chance, history, {
          job_id,
          worker_id: `worker-${index}-${worker}`,
          started_ms: at_ms,
        });
        at_ms = attempt.last_ms;
        if (attempt.end === 'DIES') worker += 1;
        if (attempt.end === 'COMPLETED' || chance.happens(0.5)) break;
        at_ms += chance.pick([2 * SECOND, 3 * HOUR]);
      }
      at_ms += chance.pick([2 * SECOND, 10 * MINUTE, 2 * HOUR]);
      if (at_ms > from_ms + SPAN_MS) break;
    }
  }
  history.reports.sort((a, b) => a.at_ms - b.at_ms);
  return history;
}

function attemptOf(
  chance: Chance,
  history: History,
  begun: Pick<Attempt, 'job_id' | 'worker_id' | 'started_ms'>,
): Attempt {
  const { job_id, worker_id, started_ms } = begun;
  const pause_ms = chance.pick([10 * SECOND, MINUTE, 3 * MINUTE]);
  const step = chance.pick([2, 7, 15]);
  const end = chance.weighted({ COMPLETED: 8, FAILED: 1, DIES: 1 });
  const stops_at = end === 'COMPLETED' ? 100 : chance.whole(0, 95);
  let at_ms = started_ms;
  history.reports.push(report(at_ms, job_id, worker_id, 'PROCESSING', started_ms));
  for (let percentage = step; percentage <= stops_at; percentage += step) {
    at_ms += Math.round(pause_ms * chance.between(0.8, 1));
    history.reports.push({ ...report(at_ms, job_id, worker_id, 'PROCESSING', started_ms), percentage });
  }
  if (end !== 'DIES') {
    at_ms += SECOND;
    const error = end === 'FAILED' ? 'GPU out of memory' : null;
    history.reports.push({ ...report(at_ms, job_id, worker_id, end, started_ms), error });
  }
  const attempt: Attempt = { job_id, worker_id, started_ms, last_ms: at_ms, end, pause_ms, step };
  history.attempts.push(attempt);
  return attempt;
}

const report = (
  at_ms: number,
  job_id: string,
  worker_id: string | null,
  state: SightedState,
  started_ms: number | null,
): Reported => ({ at_ms, job_id, worker_id, state, started_ms, percentage: null, error: null });

export type Truth = {
  completed: string[];
  failed: string[];
  /** Running jobs, and for how long the worker of each has been dead; 0 if it is alive. */
  running: Map<string, { dead_ms: number; attempt: Attempt }>;
  waiting: Map<string, number>;
};

export function truthAt({ attempts, waiting }: History, now_ms: number, since_ms: number): Truth {
  const truth: Truth = { completed: [], failed: [], running: new Map(), waiting: new Map() };
  for (const { job_id, since_ms: from_ms, until_ms } of waiting) {
    if (from_ms <= now_ms && now_ms < until_ms) truth.waiting.set(job_id, now_ms - from_ms);
  }
  const last = new Map<string, Attempt>();
  for (const attempt of attempts) if (attempt.started_ms <= now_ms) last.set(attempt.job_id, attempt);
  for (const [job_id, attempt] of last) {
    const over = attempt.last_ms <= now_ms;
    if (!over || attempt.end === 'DIES') {
      truth.running.set(job_id, { dead_ms: over ? now_ms - attempt.last_ms : 0, attempt });
    } else if (attempt.last_ms >= since_ms) {
      (attempt.end === 'FAILED' ? truth.failed : truth.completed).push(job_id);
    }
  }
  return truth;
}
