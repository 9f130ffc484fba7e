/**
 * What the reports have in common: the jobs that ended in a time, and their attempts, by a group. Money is added up in whole
 * micro-dollars, so that the groups and the total agree exactly.
 */

import type { Json } from '@duckdb/node-api';
import type { Group } from '../../../protocol/analytics.ts';
import { formatTime } from '../../../protocol/time.ts';
import type { AnalyticsService, QueryResult } from '../analytics.ts';
import type { SqlParameter } from '../filter/compile.ts';
import type { Query } from '../query.ts';

export type Range = { from_ms: number; to_ms: number; group_by: Group };
export type Limits = Pick<Query, 'rows_max' | 'timeout_ms'>;
export type Asking = { analytics: Pick<AnalyticsService, 'query'>; limits: Limits };

/** A row by the names of its columns. */
export type Figures = Record<string, Json>;

/** The jobs that ended in the time, of which $1 and $2 are the bounds. */
export const JOBS = `
  jobs AS (
    SELECT * FROM job_states
    WHERE completed_at >= $1::TIMESTAMP AND completed_at < $2::TIMESTAMP AND state IN ('COMPLETED', 'FAILED', 'CANCELLED')
  )`;

/**
 * A row for each attempt of those jobs; the last one of each job has the state that it ended in. Most jobs ran once, which
 * their own row has; of the others what earlier runs do not account for is the last one's.
 */
export const ATTEMPTS = `
  parts AS (
    SELECT
      j.job_id, j.state, j.completed_at, j.priority, j.tags, j.duration_seconds,
      coalesce(a.worker_id, j.worker_id) AS worker_id,
      CASE WHEN a.job_id IS NULL THEN j.model ELSE a.model END AS model,
      CASE WHEN a.job_id IS NULL THEN j.device ELSE a.device END AS device,
      CASE WHEN a.job_id IS NULL THEN j.instance_type ELSE a.instance_type END AS instance_type,
      row_number() OVER (PARTITION BY j.job_id ORDER BY a.run DESC) = 1 AS is_last,
      CASE WHEN a.job_id IS NULL THEN j.error_code ELSE a.error_code END AS error_code,
      coalesce(a.ended_at, j.completed_at) AS ended_at,
      CAST(round(j.cost_usd * 1e6) AS BIGINT) AS job_micros,
      CAST(round(a.cost_usd * 1e6) AS BIGINT) AS own_micros,
      j.instance_time_seconds AS job_seconds,
      a.processing_time_seconds AS own_seconds
    FROM jobs j LEFT JOIN job_attempts a ON a.job_id = j.job_id
    WHERE j.runs > 1
  ),
  attempts AS (
    SELECT
      job_id, state, completed_at, priority, tags, duration_seconds, worker_id, model, device, instance_type, true AS is_last,
      CASE WHEN state = 'COMPLETED' THEN NULL WHEN runs = 0 THEN NULL ELSE error_code END AS error_code, completed_at AS ended_at,
      CAST(round(cost_usd * 1e6) AS BIGINT) AS micros, instance_time_seconds AS seconds, runs > 0 AS ran
    FROM jobs WHERE runs <= 1
    UNION ALL
    SELECT
      job_id, state, completed_at, priority, tags, duration_seconds, worker_id, model, device, instance_type, is_last,
      error_code, ended_at,
      CASE WHEN is_last THEN job_micros - coalesce(sum(own_micros) FILTER (NOT is_last) OVER of_job, 0) ELSE own_micros END,
      CASE WHEN is_last THEN job_seconds - coalesce(sum(own_seconds) FILTER (NOT is_last) OVER of_job, 0) ELSE own_seconds END,
      true
    FROM parts WINDOW of_job AS (PARTITION BY job_id)
  )`;

/** The group of a row; for tags there is a row for each. */
export const GROUP_OF: Readonly<Record<Group, string>> = {
  day: `strftime(completed_at, '%Y-%m-%d')`,
  hour: `strftime(completed_at, '%Y-%m-%dT%H:00:00Z')`,
  model: 'model',
  device: 'device',
  instance_type: 'instance_type',
  worker: 'worker_id',
  tag: `unnest(CASE WHEN len(tags) > 0 THEN tags ELSE [NULL] END)`,
  priority: 'priority',
  error_code: 'error_code',
};

/** One row for the whole, whose `whole` is true, and one for each group. */
export function grouped(rows: string, figures: string, group_by: Group): string {
  return `
    SELECT NULL AS "group", true AS whole, ${figures} FROM ${rows}
    UNION ALL
    SELECT "group", false AS whole, ${figures} FROM (SELECT *, ${GROUP_OF[group_by]} AS "group" FROM ${rows}) GROUP BY "group"
    ORDER BY whole DESC, "group" NULLS LAST`;
}

/** The figures of the whole and of each group. */
export async function ask(
  { analytics, limits }: Asking,
  { from_ms, to_ms, group_by }: Range,
  sql: string,
): Promise<{ total: Figures; items: Figures[]; frame: object }> {
  const from = formatTime(from_ms);
  const to = formatTime(to_ms);
  const result = await analytics.query({ sql, parameters: [textOf(from), textOf(to)], ...limits, foreign: false });
  const [total = {}, ...items] = objectsOf(result).map(({ whole: _, ...row }) => row);
  const { group: __, ...figures } = total;
  return { total: figures, items, frame: { from, to, group_by, as_of_seq: result.as_of_seq } };
}

export const textOf = (value: string): SqlParameter => ({ type: 'VARCHAR', value });

export function objectsOf({ columns, rows }: Pick<QueryResult, 'columns' | 'rows'>): Figures[] {
  const names = columns.map(({ name }) => name);
  return rows.map((row) => Object.fromEntries(names.map((name, at) => [name, row[at]!])));
}

/** Micro-dollars as dollars. */
export const usd = (micros: string): string => `coalesce(sum(${micros}), 0)::BIGINT / 1e6`;
export const total = (seconds: string): string => `round(coalesce(sum(${seconds}), 0), 3)`;
