/** `tmon logs jobs`: the state of every job in a log. */
import {
  mergeSightings,
  type SightedState,
  type Sighting,
  sightingOf,
  writeSighting,
} from '../../protocol/sighting.ts';
import { formatTime } from '../../protocol/time.ts';
import { duration, isTerminal, note, printJson, printTable, stateColour } from '../output.ts';
import { type LogsOptions, readLogs } from './reading.ts';

export async function showJobs(
  sources: string[],
  options: LogsOptions & { state?: SightedState; limit: number },
): Promise<void> {
  const known = new Map<string, Sighting>();
  const tally = await readLogs(sources, options, (event) => {
    const sighting = sightingOf(event, event.timestamp_ms);
    const before = known.get(event.job_id);
    known.set(event.job_id, before === undefined ? sighting : mergeSightings(before, sighting));
  });
  const { state, limit, json } = options;
  const jobs = [...known.values()]
    .filter((job) => state === undefined || job.state === state)
    .sort((a, b) => b.told_ms - a.told_ms || (a.job_id < b.job_id ? -1 : 1));
  const shown = limit === 0 ? jobs : jobs.slice(0, limit);
  if (json) return printJson({ jobs: shown.map(writeSighting), count: jobs.length, ...tally.json() });
  printTable(['JOB', 'STATE', 'PROGRESS', 'STAGE', 'WORKER', 'STARTED', 'TOOK', 'REPORTED', 'ERROR'], shown.map(rowOf));
  if (jobs.length > shown.length && isTerminal()) note(`${jobs.length} in all: --limit ${limit * 10}, or 0 for all`);
  tally.show();
}

function rowOf(job: Sighting): string[] {
  const { started_ms, ended_ms } = job;
  const took = job.duration ?? (started_ms === null || ended_ms === null ? null : (ended_ms - started_ms) / 1000);
  return [
    job.reported_id ?? job.job_id,
    // Padded here, because colour codes would count as width.
    isTerminal() ? stateColour(job.state.padEnd(10)) : job.state,
    job.percentage === null ? '–' : `${Math.floor(job.percentage)}%`,
    job.stage ?? '–',
    job.worker_id ?? '–',
    started_ms === null ? '–' : formatTime(started_ms),
    duration(took),
    formatTime(job.told_ms),
    job.error ?? '',
  ];
}
