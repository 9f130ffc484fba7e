/** What is wrong, each in one line for a person on call. Pure. */
import type { CheckDocument, CheckedJob, CheckedSource, CheckedWorker } from '../../protocol/check.ts';
import { parseTime } from '../../protocol/time.ts';
import { counted, nameOf, percent, span } from './words.ts';

export type Problem = CheckDocument['problems'][number];

/** A silent worker has died; one that still reports hangs. */
export function stuckProblem(job: CheckedJob, workers: readonly CheckedWorker[]): Problem {
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

export function quietProblem({ worker_id, silent_seconds, running }: CheckedWorker): Problem {
  const shown =
    running.length > 3 ? `${running.slice(0, 3).join(', ')} and ${running.length - 3} more` : running.join(', ');
  return {
    kind: 'worker_quiet',
    subject: worker_id,
    says: `silent for ${span(silent_seconds)}; it holds ${shown}`,
  };
}

export function failedProblem(job: CheckedJob): Problem {
  const { worker_id, error } = job;
  const on = worker_id === null ? '' : ` on ${worker_id}`;
  const says = `failed${on}: ${error ?? 'no reason reported'}`;
  return { kind: 'job_failed', subject: nameOf(job), says, at: job.ended_at ?? job.told_at };
}

/** Of a queue that tells the age of its oldest message, that age is the problem. */
export function waitingProblems(
  jobs: readonly CheckedJob[],
  sources: readonly CheckedSource[],
  { now_ms, queued_after_ms }: { now_ms: number; queued_after_ms: number },
): Problem[] {
  const queues = new Set(sources.filter(({ queue }) => queue !== null).map(({ name }) => name));
  return jobs.flatMap((job) => {
    const waits_ms = now_ms - parseTime(job.told_at);
    if (job.state !== 'QUEUED' || queues.has(job.source) || waits_ms <= queued_after_ms) return [];
    return [{ kind: 'job_waits' as const, subject: nameOf(job), says: `has waited for ${span(waits_ms / 1000)}` }];
  });
}

export function queueProblems({ name, queue }: CheckedSource, oldest_ms_max: number): Problem[] {
  if (queue === null) return [];
  const problems: Problem[] = [];
  const { waiting, oldest_seconds, dead_letters } = queue;
  // While none waits, the oldest message is in flight.
  if (waiting > 0 && oldest_seconds !== null && oldest_seconds * 1000 > oldest_ms_max) {
    problems.push({ kind: 'queue_old', subject: name, says: `the oldest has waited ${span(oldest_seconds)}` });
  }
  if (dead_letters !== null && dead_letters > 0) {
    problems.push({ kind: 'dead_letters', subject: name, says: counted(dead_letters, 'dead letter') });
  }
  return problems;
}
