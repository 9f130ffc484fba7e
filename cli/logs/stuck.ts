/** `tmon logs stuck`: running jobs without progress; the verdict is that of `tmon check`. */
import type { CheckedJob } from '../../protocol/check.ts';
import { Check } from '../../sources/check/check.ts';
import { SourceError } from '../../sources/source.ts';
import { EXIT } from '../exit-code.ts';
import { duration, note, oneLine, printJson, printTable } from '../output.ts';
import { type LogsOptions, openLogs } from './reading.ts';

export async function showStuck(sources: string[], options: LogsOptions & { stuckAfter: number }): Promise<void> {
  const { json, zone, since, stuckAfter } = options;
  const logs = openLogs(sources, zone, 'take');
  const now_ms = Date.now();
  const check = new Check(logs, { stuck_after_ms: stuckAfter, since_ms: now_ms - since });
  const document = await check.run(now_ms, new AbortController().signal);
  await Promise.all(logs.map((log) => log.close()));
  for (const { error } of document.sources) {
    if (error === null) continue;
    throw new SourceError(
      error.kind as SourceError['kind'],
      error.message,
      error.hint === null ? {} : { hint: error.hint },
    );
  }
  const stuck = document.running.filter((job) => job.stuck);
  if (stuck.length > 0) process.exitCode = EXIT.failed;
  const warnings = document.warnings.map(({ subject, says }) => ({ subject, says }));
  if (json) return printJson({ stuck, running: document.counts.running, warnings });
  printTable(
    ['STUCK', 'PROGRESS', 'STAGE', 'WORKER', 'NO PROGRESS FOR', 'EXPECTED WITHIN', 'LAST REPORT'],
    stuck.map(rowOf),
  );
  note(`${stuck.length} stuck of ${document.counts.running} running`);
  for (const { subject, says } of warnings) note(oneLine(`${subject}: ${says}`));
}

function rowOf(job: CheckedJob): string[] {
  return [
    job.reported_id ?? job.job_id,
    job.percentage === null ? '–' : `${Math.floor(job.percentage)}%`,
    job.stage ?? '–',
    job.worker_id ?? '–',
    duration(job.still_seconds),
    duration(job.progress_within_seconds),
    job.told_at,
  ];
}
