/**
 * Builds and parses every key of the views and of the archive, from validated ids. The layout is that of
 * docs/format.md; times in keys are UTC.
 */

import { isId } from '../../protocol/ids.ts';
import type { FINISHED_STATES } from '../../protocol/job.ts';
import { DAY_MS, formatTime, HOUR_MS } from '../../protocol/time.ts';

export type FinishedState = (typeof FINISHED_STATES)[number];

/** The segment up to which the views are written: see publisher.ts. */
export const CHECKPOINT_KEY = 'meta/views.json';

/** Prefixes of the views. A rebuild deletes views below them that it would not write; other objects are left alone. */
export const VIEW_PREFIXES = ['jobs/', 'workers/', 'queues/', 'alerts/', 'system/', 'metrics/'] as const;

/** See archive.ts. */
export const ARCHIVE = 'archive/';
export const ARCHIVED_JOBS = 'archive/jobs/';
export const ARCHIVED_WORKERS = 'archive/workers/';
export const ARCHIVED_ALERTS = 'archive/alerts/';
export const ARCHIVED_PERIODS = 'archive/periods/';
export const PACKS = 'archive/packs/';
export const SHARDS = 'archive/index/';

const JOB_DOCUMENTS = ['state', 'progress', 'worker', 'timeline'] as const;
const ENDS = { COMPLETED: 'completed', FAILED: 'failed', CANCELLED: 'cancelled' } as const;

export const ACTIVE_JOBS = 'jobs/active/';
export const ACTIVE_ALERTS = 'alerts/active/';

export const activeJobKey = (job_id: string, document: (typeof JOB_DOCUMENTS)[number]): string =>
  `${ACTIVE_JOBS}${checked(job_id)}/${document}.json`;

/** By the hour in which the job ended. */
export const finishedJobKey = (state: FinishedState, completed_ms: number, job_id: string): string =>
  `${finishedHourPrefix(state, Math.floor(completed_ms / HOUR_MS))}${checked(job_id)}.json`;

export const deadLetterKey = (job_id: string): string => `jobs/failed/${checked(job_id)}/state.json`;

export const workerKey = (worker_id: string, document: 'status' | 'heartbeat'): string =>
  `workers/active/${checked(worker_id)}/${document}.json`;

export const currentJobKey = (worker_id: string): string => `workers/active/${checked(worker_id)}/jobs/current.json`;

export const workerJobKey = (worker_id: string, job_id: string): string =>
  `workers/active/${checked(worker_id)}/jobs/history/${checked(job_id)}.json`;

export const TERMINATED_WORKERS = 'workers/terminated/';

export const terminatedWorkerKey = (worker_id: string, terminated_ms: number): string =>
  `${TERMINATED_WORKERS}${checked(worker_id)}-${dayName(terminated_ms, '')}.json`;

export const queueKey = (queue: 'main' | 'dlq'): string =>
  queue === 'main' ? 'queues/main-queue.json' : 'queues/dead-letter-queue.json';

export const activeAlertKey = (id: string): string => `${ACTIVE_ALERTS}${checked(id)}.json`;

export const resolvedAlertKey = (id: string, resolved_ms: number): string =>
  `alerts/resolved/${dayName(resolved_ms, '/')}/${checked(id)}.json`;

export const HEALTH_KEY = 'system/health.json';

/** The objects that show how far the journal had reached, should segments be lost. */
export const JOURNAL_TRACES = {
  documents: [CHECKPOINT_KEY, queueKey('main'), HEALTH_KEY],
  prefixes: [ARCHIVE],
};

/** `hour` and `day` count from 1970. */
export const hourKey = (hour: number): string =>
  `system/metrics/${dayName(hour * HOUR_MS, '/')}/hourly/${hourName(hour)}.json`;

export const dayKey = (day: number): string => `system/metrics/daily/${dayName(day * DAY_MS, '-')}.json`;

export const closedHourKey = (hour: number): string =>
  `metrics/hourly/${dayName(hour * HOUR_MS, '/')}/${hourName(hour)}.json`;

/** By the hour in which its jobs ended, otherwise by the day or the month. `name` is a ULID. */
export function packKey(first_ms: number, last_ms: number, name: string): string {
  const [first, last] = [clamped(first_ms), clamped(last_ms)].map((time_ms) => dayName(time_ms, '/'));
  if (first !== last) return `${PACKS}${first!.slice(0, 7)}/${checked(name)}.ndjson`;
  const [hour, lastHour] = [first_ms, last_ms].map((time_ms) => Math.floor(clamped(time_ms) / HOUR_MS));
  return `${PACKS}${first}/${hour === lastHour ? `hour=${hourName(hour!)}/` : ''}${checked(name)}.ndjson`;
}

export const shardKey = (name: string): string => `${SHARDS}${checked(name)}.json`;

/** A job in a single object: how older versions archived it. */
export const archivedJobKey = (job_id: string): string => `${ARCHIVED_JOBS}${checked(job_id)}.json`;

export const archivedWorkerPrefix = (worker_id: string): string => `${ARCHIVED_WORKERS}${checked(worker_id)}/`;

/** By the day of its end, because a worker may come back after it was archived, and end again. */
export const archivedWorkerKey = (worker_id: string, terminated_ms: number): string =>
  `${archivedWorkerPrefix(worker_id)}${dayName(terminated_ms, '')}.json`;

export const archivedAlertKey = (id: string): string => `${ARCHIVED_ALERTS}${checked(id)}.json`;

export const archivedPeriodsKey = (day: number): string => `${ARCHIVED_PERIODS}${dayName(day * DAY_MS, '-')}.json`;

/**
 * `jobs/completed/`, `jobs/completed/2025/07/`, `jobs/completed/2025/07/07/`, `…/hour=19/`: the jobs that ended then.
 */
export const finishedPrefix = (state: FinishedState): string => `jobs/${ENDS[state]}/`;
export const finishedMonthPrefix = (state: FinishedState, day: number): string =>
  `${finishedPrefix(state)}${dayName(day * DAY_MS, '/').slice(0, 8)}`;
export const finishedDayPrefix = (state: FinishedState, day: number): string =>
  `${finishedPrefix(state)}${dayName(day * DAY_MS, '/')}/`;
export const finishedHourPrefix = (state: FinishedState, hour: number): string =>
  `${finishedDayPrefix(state, Math.floor(hour / 24))}hour=${hourName(hour)}/`;

/** `2025-07-07T19`, and back; null if it is not an hour. */
export const nameHour = (hour: number): string => new Date(hour * HOUR_MS).toISOString().slice(0, 13);

export function parseHour(name: string): number | null {
  const hour = /^\d{4}-\d{2}-\d{2}T\d{2}$/.test(name) ? Date.parse(`${name}:00:00Z`) / HOUR_MS : Number.NaN;
  // Date.UTC accepts the 24th hour and the 31st of February, which are not valid names.
  return !Number.isNaN(hour) && nameHour(hour) === name ? hour : null;
}

export function parseFinishedJobKey(key: string): { state: FinishedState; hour: number; job_id: string } | null {
  const match = /^jobs\/(completed|failed|cancelled)\/(\d{4})\/(\d\d)\/(\d\d)\/hour=(\d\d)\/([^/]+)\.json$/.exec(key);
  if (!match) return null;
  const [, end, year, month, day, hourOfDay, job_id = ''] = match;
  const hour = parseHour(`${year}-${month}-${day}T${hourOfDay}`);
  const state = (Object.keys(ENDS) as FinishedState[]).find((name) => ENDS[name] === end);
  return hour !== null && state && isId(job_id) ? { state, hour, job_id } : null;
}

export function parseTerminatedWorkerKey(key: string): { worker_id: string; terminated_ms: number } | null {
  const match = /^workers\/terminated\/([^/]+)-(\d{4})(\d\d)(\d\d)\.json$/.exec(key);
  const hour = match ? parseHour(`${match[2]}-${match[3]}-${match[4]}T00`) : null;
  return match && isId(match[1]!) && hour !== null ? { worker_id: match[1]!, terminated_ms: hour * HOUR_MS } : null;
}

/** An object of the archive. */
export type ArchiveEntry =
  | { kind: 'job' | 'alert'; id: string }
  | { kind: 'worker'; id: string; terminated_ms: number }
  | { kind: 'periods'; day: number };

export function parseArchiveKey(key: string): ArchiveEntry | null {
  const [, kind, id = '', date = ''] =
    /^archive\/(job|worker|alert|period)s\/([^/]+?)(?:\/(\d{8}))?\.json$/.exec(key) ?? [];
  switch (kind) {
    case 'job':
    case 'alert':
      return isId(id) && date === '' ? { kind, id } : null;
    case 'worker': {
      const hour = parseHour(`${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}T00`);
      return isId(id) && hour !== null ? { kind, id, terminated_ms: hour * HOUR_MS } : null;
    }
    case 'period': {
      const hour = parseHour(`${id}T00`);
      return hour !== null && date === '' ? { kind: 'periods', day: hour / 24 } : null;
    }
    default:
      return null;
  }
}

/** The subject of a view. A period's id is its number. */
export type Subject = { kind: SubjectKind; id: string };
export type SubjectKind = 'job' | 'worker' | 'alert' | 'hour' | 'day' | 'queues' | 'health';

/** The subject of the view with this key; null if no view has exactly this key. */
export function subjectOf(key: string): Subject | null {
  const finished = parseFinishedJobKey(key);
  if (finished) return { kind: 'job', id: finished.job_id };
  const terminated = parseTerminatedWorkerKey(key);
  if (terminated) return { kind: 'worker', id: terminated.worker_id };
  for (const [pattern, parse] of VIEW_KEYS) {
    const match = pattern.exec(key);
    if (match) return parse(match.groups ?? {});
  }
  return null;
}

type Groups = Record<string, string>;

const DATE = String.raw`(?<year>\d{4})/(?<month>\d\d)/(?<day>\d\d)`;
const named = (kind: SubjectKind) => (groups: Groups) => (isId(groups.id!) ? { kind, id: groups.id! } : null);
const hourOf = ({ year, month, day, hour = '00' }: Groups) => parseHour(`${year}-${month}-${day}T${hour}`);

const VIEW_KEYS: readonly [RegExp, (groups: Groups) => Subject | null][] = [
  [new RegExp(`^jobs/active/(?<id>[^/]+)/(?:${JOB_DOCUMENTS.join('|')})\\.json$`), named('job')],
  [/^jobs\/failed\/(?<id>[^/]+)\/state\.json$/, named('job')],
  [/^workers\/active\/(?<id>[^/]+)\/(?:status|heartbeat|jobs\/current)\.json$/, named('worker')],
  [
    /^workers\/active\/(?<worker>[^/]+)\/jobs\/history\/(?<id>[^/]+)\.json$/,
    (groups) => (isId(groups.worker!) ? named('job')(groups) : null),
  ],
  [/^alerts\/active\/(?<id>[^/]+)\.json$/, named('alert')],
  [
    new RegExp(`^alerts/resolved/${DATE}/(?<id>[^/]+)\\.json$`),
    (groups) => (hourOf(groups) === null ? null : named('alert')(groups)),
  ],
  [new RegExp(`^system/metrics/${DATE}/hourly/(?<hour>\\d\\d)\\.json$`), (groups) => period('hour', hourOf(groups), 1)],
  [new RegExp(`^metrics/hourly/${DATE}/(?<hour>\\d\\d)\\.json$`), (groups) => period('hour', hourOf(groups), 1)],
  [
    /^system\/metrics\/daily\/(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)\.json$/,
    (groups) => period('day', hourOf(groups), 24),
  ],
  [/^queues\/(?:main-queue|dead-letter-queue)\.json$/, () => ({ kind: 'queues', id: '' })],
  [/^system\/health\.json$/, () => ({ kind: 'health', id: '' })],
];

function period(kind: 'hour' | 'day', hour: number | null, hours: number): Subject | null {
  return hour === null ? null : { kind, id: String(hour / hours) };
}

/** The day of a time as `2025-07-07`, with this separator. */
function dayName(time_ms: number, between: string): string {
  const [year, month, day] = formatTime(time_ms).slice(0, 10).split('-');
  return `${year}${between}${month}${between}${day}`;
}

/** Years with four digits. */
const clamped = (time_ms: number): number => Math.min(Math.max(time_ms, 0), 253_402_300_799_999);

/** Hours before 1970 are negative; old journals may hold such times. */
const hourName = (hour: number): string => String(((hour % 24) + 24) % 24).padStart(2, '0');

function checked(id: string): string {
  if (isId(id)) return id;
  throw new RangeError(`not an id, so no part of a key: ${JSON.stringify(id).slice(0, 100)}`);
}
