/** `tmon logs failures`: failures, newest first, and their rate. */
import { formatTime } from '../../protocol/time.ts';
import type { DatedEvent } from '../../sources/log-lines/dated-event.ts';
import { isTerminal, note, printJson, printTable } from '../output.ts';
import { type LogsOptions, readLogs } from './reading.ts';

export async function showFailures(sources: string[], options: LogsOptions & { limit: number }): Promise<void> {
  const { json, limit } = options;
  const counts = { failed: 0, completed: 0 };
  let failures: DatedEvent[] = [];
  const newest = (count: number) => {
    failures.sort((a, b) => b.timestamp_ms - a.timestamp_ms);
    if (count > 0) failures = failures.slice(0, count);
  };
  // The plain form of a failure has no worker; the start does.
  const workers = new Map<string, string>();
  const tally = await readLogs(sources, options, (event) => {
    const { job_id, worker_id } = event;
    if (event.event === 'JOB_PROGRESS') return;
    if (event.event === 'JOB_START') {
      if (worker_id !== null) workers.set(job_id, worker_id);
      return;
    }
    event.worker_id ??= workers.get(job_id) ?? null;
    workers.delete(job_id);
    if (event.event === 'JOB_COMPLETE') {
      counts.completed += 1;
      return;
    }
    counts.failed += 1;
    failures.push(event);
    if (limit > 0 && failures.length > limit * 2 + 1000) newest(limit);
  });
  newest(limit);
  const ended = counts.failed + counts.completed;
  const failure_rate = ended === 0 ? null : counts.failed / ended;
  if (json) return printJson({ failures: failures.map(documentOf), ...counts, failure_rate, ...tally.json() });
  printTable(['FAILED', 'JOB', 'WORKER', 'ERROR'], failures.map(rowOf));
  const rate = failure_rate === null ? 'no job has ended' : `${Number((failure_rate * 100).toPrecision(3))}% failed`;
  note(`${rate}: ${counts.failed} failed, ${counts.completed} completed`);
  if (failures.length < counts.failed && isTerminal()) note(`the newest ${limit}: --limit 0 for all`);
  tally.show();
}

function documentOf({ timestamp_ms, job_id, reported_id, worker_id, error }: DatedEvent): object {
  const name = reported_id === undefined ? {} : { reported_id };
  return { failed_at: formatTime(timestamp_ms), job_id, ...name, worker_id, error };
}

function rowOf({ timestamp_ms, job_id, reported_id, worker_id, error }: DatedEvent): string[] {
  return [formatTime(timestamp_ms), reported_id ?? job_id, worker_id ?? '–', error ?? '–'];
}
