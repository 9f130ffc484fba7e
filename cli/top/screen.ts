/** The screen of `tmon top`: the state of the fleet in the lines available. */
import { stripVTControlCharacters } from 'node:util';
import type { Severity } from '../../protocol/alert.ts';
import type { HealthStatus } from '../../protocol/worker.ts';
import { colour, cut, duration, oneLine, stateColour } from '../output.ts';
import { barCells } from '../progress-bars.ts';
import type { Fleet, FleetJob, FleetWorker } from './fleet.ts';

export type Size = { columns: number; rows: number };

const BAR_CELLS = 16;
const ALERTS_MAX = 4;

/** At most `rows` lines, none wider than `columns`. `away`: why the monitor can't be reached, if so. */
export function screenOf(fleet: Fleet, { columns, rows }: Size, { server, away }: { server: string; away?: string }) {
  const head = [headLine(fleet, server, columns), ...(away === undefined ? [] : [colour('red', oneLine(away))])];
  const lines = [...head, queueLine(fleet), rateLine(fleet), ...alertLines(fleet)];
  const room = Math.max(0, rows - lines.length - 4);
  const workers = workerRows(fleet);
  const jobs = jobRows(fleet);
  // Half for each, plus the lines that the other does not need.
  const forWorkers = Math.min(workers.length, Math.max(Math.floor(room / 2), room - jobs.length));
  const forJobs = Math.min(jobs.length, room - forWorkers);
  lines.push('', ...table(['WORKER', 'STATE', 'HEALTH', 'CPU', 'GPU', 'JOBS'], workers, forWorkers));
  lines.push('', ...table(['JOB', 'STATE', 'DONE', 'STAGE', 'LEFT', 'WORKER'], jobs, forJobs));
  return lines.slice(0, rows).map((line) => cut(line, columns));
}

function headLine({ system }: Fleet, server: string, columns: number): string {
  const left = `${colour('bold', 'tmon top')}  ${server}  ${system ? healthColour(system.overall_status) : ''}`;
  // The time of the data shown.
  const right = `${system?.timestamp.slice(11, 19) ?? ''}  q quits`;
  const gap = columns - width(left) - right.length;
  return gap > 0 ? `${left}${' '.repeat(gap)}${colour('dim', right)}` : left;
}

function queueLine({ queue }: Fleet): string {
  if (!queue) return '';
  const { messages_visible, messages_inflight, messages_delayed, age_oldest_message, by_priority } = queue;
  const { high, normal, low } = by_priority;
  const classes = messages_visible > 0 ? ` (${high} high, ${normal} normal, ${low} low)` : '';
  const parts = [
    `${colour('bold', String(messages_visible))} waiting${classes}`,
    `${colour('bold', String(messages_inflight))} running`,
    ...(messages_delayed > 0 ? [`${messages_delayed} delayed`] : []),
    ...(age_oldest_message !== null ? [`oldest ${duration(age_oldest_message)}`] : []),
  ];
  return `${'queue'.padEnd(9)}${parts.join('  ')}`;
}

function rateLine({ system }: Fleet): string {
  if (!system) return '';
  const { metrics, components } = system;
  const rate = components.jobs.success_rate_24h;
  const mean = components.jobs.average_completion_time;
  const parts = [
    `${colour('bold', String(metrics.throughput_jobs_per_hour))} done in the last hour`,
    ...(rate === null ? [] : [`${(rate * 100).toFixed(1)}% succeeded in 24 h`]),
    ...(mean === null ? [] : [`${duration(mean)} average incl. waiting`]),
    ...(metrics.cost_per_hour_usd > 0 ? [`$${metrics.cost_per_hour_usd.toFixed(2)} per hour`] : []),
  ];
  return `${'fleet'.padEnd(9)}${parts.join('  ')}`;
}

function alertLines({ alerts }: Fleet): string[] {
  const all = [...alerts.values()].sort((a, b) => SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity));
  const lines = all
    .slice(0, ALERTS_MAX)
    .map(({ severity, message }) => `${severityColour(severity.padEnd(8) as Severity)} ${oneLine(message)}`);
  return all.length > ALERTS_MAX ? [...lines, `${''.padEnd(9)}and ${all.length - ALERTS_MAX} more alerts`] : lines;
}

const SEVERITIES: readonly Severity[] = ['INFO', 'WARNING', 'CRITICAL'];

function workerRows(fleet: Fleet): string[][] {
  const held = fleet.held();
  const percent = (value: number | null | undefined) => (typeof value === 'number' ? `${Math.round(value)}%` : '–');
  return [...fleet.workers.values()].map((worker) => {
    const jobs = held.get(worker.worker_id) ?? [];
    const { status, cpu_usage, gpu_usage } = worker.health;
    const names = jobs.map(({ job_id }) => job_id).join(' ');
    return [
      worker.worker_id,
      activity(worker, jobs),
      healthColour(status),
      percent(cpu_usage),
      percent(gpu_usage),
      names,
    ];
  });
}

/** Its jobs tell whether it is active. */
function activity({ state, health }: FleetWorker, jobs: readonly FleetJob[]): string {
  if (state !== 'IDLE' && state !== 'ACTIVE') return colour('yellow', state);
  if (jobs.length > 0) return colour('cyan', 'ACTIVE');
  // ACTIVE without a job: its lease has ended, and nothing was heard of it since.
  const silent = health.status === 'UNHEALTHY' || (state === 'ACTIVE' && health.status !== 'HEALTHY');
  return silent ? colour('yellow', 'silent') : 'IDLE';
}

/** Running jobs first, in order of arrival; then the latest ended ones; then waiting ones. */
function jobRows({ jobs, ended }: Fleet): string[][] {
  const all = [...jobs.values()];
  const runs = ({ state }: FleetJob) => state === 'PROCESSING' || state === 'CANCELLING';
  return [...all.filter(runs), ...ended, ...all.filter((job) => !runs(job))].map(jobRow);
}

function jobRow(job: FleetJob): string[] {
  const { job_id, state, percentage, stage, worker_id, attempt, verdict, details } = job;
  const waits = state === 'QUEUED' || state === 'SUBMITTED';
  const bar = waits ? '' : `${String(Math.floor(percentage)).padStart(3)}% ${barCells(percentage, BAR_CELLS)}`;
  if (details !== null) return [job_id, stateColour(state), details];
  const usual = state === 'PROCESSING' ? (stage ?? '') : waits && attempt > 1 ? `attempt ${attempt}` : '';
  const what = verdict === null ? usual : colour('red', verdict.toUpperCase());
  const left = leftOf(job);
  return [job_id, stateColour(state), bar, what, left, worker_id ?? ''];
}

/** The time left, or until when it begins or ends, UTC as in the head line. */
function leftOf({ state, eta_seconds, expected_by }: FleetJob): string {
  if (state === 'PROCESSING' && eta_seconds !== null) return duration(eta_seconds);
  if (expected_by === null) return '';
  return `${state === 'PROCESSING' ? 'ends' : 'begins'} by ${expected_by.slice(11, 16)}`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[], shown: number): string[] {
  const some = rows.slice(0, shown).map((row) => row.map(oneLineInColour));
  // The last cell of a short row is text and extends over the columns after it.
  const cells = some.map((row) => (row.length < heads.length ? row.slice(0, -1) : row));
  const widths = heads.map((head, column) => Math.max(head.length, ...cells.map((row) => width(row[column] ?? ''))));
  const shape = (row: readonly string[]) =>
    row
      .map((cell, column) => cell + ' '.repeat(Math.max(0, widths[column]! - width(cell))))
      .join('  ')
      .trimEnd();
  const hidden = rows.length - some.length;
  return [colour('dim', `${shape(heads)}${hidden > 0 ? `  (${hidden} more)` : ''}`), ...some.map(shape)];
}

const width = (text: string): number => stripVTControlCharacters(text).length;

/** Names of workers and jobs can't control the terminal; our own colours may. */
function oneLineInColour(text: string): string {
  const seen = stripVTControlCharacters(text);
  return seen === oneLine(seen) ? text : oneLine(seen);
}

function healthColour(status: HealthStatus): string {
  return colour(status === 'HEALTHY' ? 'green' : status === 'DEGRADED' ? 'yellow' : 'red', status);
}

function severityColour(severity: Severity): string {
  const name = severity.trim();
  return colour(name === 'CRITICAL' ? 'red' : name === 'WARNING' ? 'yellow' : 'cyan', severity);
}
