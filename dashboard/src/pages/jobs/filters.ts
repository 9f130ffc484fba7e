/** The filters of the list: from the URL and to it, as a query of the API, and whether a job that changed still matches. */
import type { Job, JobStateName, Priority } from '../../../../protocol/job.ts';
import type { JobQuery } from '../../../../protocol/queue.ts';
import type { VerdictStatus } from '../../../../protocol/verdict.ts';

export const STATES = [
  'SUBMITTED',
  'QUEUED',
  'PROCESSING',
  'CANCELLING',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
] as const satisfies readonly JobStateName[];
export const VERDICTS = [
  'on_track',
  'slow',
  'hung',
  'dead',
  'starved',
  'blocked',
] as const satisfies readonly VerdictStatus[];
export const PRIORITIES = ['high', 'normal', 'low'] as const satisfies readonly Priority[];

export type Filters = {
  state?: JobStateName;
  verdict?: VerdictStatus;
  priority?: Priority;
  worker?: string;
  model?: string;
  tag?: string;
  error?: string;
  suspect?: 'yes' | 'no';
  /** `6h`, `7d`: submitted within. */
  within?: string;
  after?: string;
  before?: string;
  q?: string;
};

export type FilterName = keyof Filters;

export const FILTER_NAMES: Readonly<Record<FilterName, string>> = {
  state: 'State',
  verdict: 'Verdict',
  priority: 'Priority',
  worker: 'Worker',
  model: 'Model',
  tag: 'Tag',
  error: 'Error',
  suspect: 'Suspect',
  within: 'Submitted within',
  after: 'Submitted after',
  before: 'Submitted before',
  q: 'Text',
};

const WORDS: Partial<Record<FilterName, readonly string[]>> = {
  state: STATES,
  verdict: VERDICTS,
  priority: PRIORITIES,
  suspect: ['yes', 'no'],
};
const LENGTH_MAX = 200;

/** Why the value can't be used, or null. */
export function problemOf(name: FilterName, value: string): string | null {
  const words = WORDS[name];
  if (words) return words.includes(value) ? null : `one of ${words.join(', ')}`;
  if (name === 'within') return withinMs(value) === null ? 'a time such as 30m, 6h or 7d' : null;
  if (name === 'after' || name === 'before')
    return timeOf(value) === null ? 'a time such as 2026-11-03 or 2026-11-03 18:00' : null;
  return value.trim() === '' || value.length > LENGTH_MAX ? `1 to ${LENGTH_MAX} characters` : null;
}

/** What of the URL can be used. */
export function filtersOf(params: URLSearchParams): Filters {
  const filters: Record<string, string> = {};
  for (const name of Object.keys(FILTER_NAMES) as FilterName[]) {
    const value = params.get(name);
    if (value !== null && problemOf(name, value) === null) filters[name] = value;
  }
  return filters as Filters;
}

/** With the filter, or without it for null; other parameters stay. */
export function withFilter(params: URLSearchParams, name: FilterName, value: string | null): URLSearchParams {
  const next = new URLSearchParams(params);
  if (value === null) next.delete(name);
  else next.set(name, value);
  return next;
}

const UNITS_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

export function withinMs(text: string): number | null {
  const [, amount, unit] = /^(\d{1,5})\s*([mhd])$/.exec(text.trim()) ?? [];
  if (amount === undefined || Number(amount) === 0) return null;
  return Number(amount) * UNITS_MS[unit as keyof typeof UNITS_MS];
}

/** RFC 3339 in UTC. A time without a zone is the viewer's. */
export function timeOf(text: string): string | null {
  if (!/^\d{4}-\d{2}-\d{2}/.test(text)) return null;
  const dateOnly = /^\d{4}-\d{2}-\d{2}$/.test(text);
  const time = new Date(dateOnly ? `${text}T00:00:00` : text.replace(' ', 'T'));
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}

/** `now_ms`: when the list was opened, so that its pages have one range. */
export function queryOf(filters: Filters, now_ms: number): JobQuery {
  const { state, verdict, priority, worker, model, tag, error, suspect, within, after, before, q } = filters;
  const from = within === undefined ? after && timeOf(after) : new Date(now_ms - withinMs(within)!).toISOString();
  const to = before && timeOf(before);
  return {
    ...(state && { state }),
    ...(verdict && { verdict }),
    ...(priority && { priority }),
    ...(worker && { worker_id: worker }),
    ...(model && { model }),
    ...(tag && { tag }),
    ...(error && { error_code: error }),
    ...(suspect && { suspect: suspect === 'yes' }),
    ...(from && { created_after: from }),
    ...(to && { created_before: to }),
    ...(q && { q }),
  };
}

/** `modelOf`: the model of a worker; undefined if unknown, which excludes nothing. */
export function matches(job: Job, query: JobQuery, modelOf: (worker_id: string) => string | null | undefined): boolean {
  const { state, verdict, priority, worker_id, model, tag, error_code, suspect, created_after, created_before, q } =
    query;
  const jobModel = job.worker ? modelOf(job.worker.worker_id) : null;
  return (
    (state === undefined || job.state === state) &&
    (verdict === undefined || job.verdict?.status === verdict) &&
    (priority === undefined || job.priority === priority) &&
    (worker_id === undefined || job.worker?.worker_id === worker_id) &&
    (model === undefined || jobModel === undefined || jobModel === model) &&
    (tag === undefined || job.tags.includes(tag)) &&
    (error_code === undefined || job.retry_info.last_error?.code === error_code) &&
    (suspect === undefined || job.output.suspect === suspect) &&
    (created_after === undefined || Date.parse(job.created_at) >= Date.parse(created_after)) &&
    (created_before === undefined || Date.parse(job.created_at) < Date.parse(created_before)) &&
    (q === undefined || hasText(job, q.toLowerCase()))
  );
}

function hasText(job: Job, needle: string): boolean {
  const { job_id, input, tags, metadata, retry_info } = job;
  const texts = [
    job_id,
    input.s3_path,
    ...tags,
    ...Object.entries(metadata).flat(),
    retry_info.last_error?.code ?? '',
    retry_info.last_error?.message ?? '',
  ];
  return texts.some((text) => text.toLowerCase().includes(needle));
}
