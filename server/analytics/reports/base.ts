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

/**
 * The jobs that ended in the time, of which $1 and $2 are the bounds. Read again by each part, which needs few of the columns:
 * to keep them all takes ten times as long, and memory.
 */
export const JOBS = `
  jobs AS NOT MATERIALIZED (
    SELECT * FROM job_states
    WHERE completed_at >= $1::TIMESTAMP AND completed_at < $2::TIMESTAMP AND state IN ('COMPLETED', 'FAILED', 'CANCELLED')
  )`;

/**
 * A row for each attempt of those jobs; the last one of each job has the state that it ended in. Most jobs ran once, which
 * their own row has.
 */
export const ATTEMPTS = `
  attempts AS NOT MATERIALIZED (
    SELECT
      job_id, state, completed_at, priority, tags, duration_seconds, worker_id, model, device, instance_type, true AS is_only,
      true AS is_last,
      CASE WHEN state = 'COMPLETED' OR runs = 0 THEN NULL ELSE error_code END AS error_code, completed_at AS ended_at,
      CAST(round(cost_usd * 1e6) AS BIGINT) AS micros, instance_time_seconds AS seconds, runs > 0 AS ran
    FROM jobs WHERE runs <= 1
    UNION ALL
    SELECT
      job_id, j.state, j.completed_at, j.priority, j.tags, j.duration_seconds, a.worker_id, a.model, a.device,
      a.instance_type, false, a.run = a.runs, a.error_code, coalesce(a.ended_at, j.completed_at),
      CAST(round(a.cost_usd * 1e6) AS BIGINT), a.processing_time_seconds, true
    FROM jobs j JOIN (SELECT * FROM job_attempts WHERE runs > 1) a USING (job_id)
    WHERE j.runs > 1
  )`;

/** What rows are grouped by. Rows with the same tags are together until `groupsOf` takes the tags apart. */
export const KEY_OF: Readonly<Record<Group, string>> = {
  day: 'CAST(completed_at AS DATE)',
  hour: `date_trunc('hour', completed_at)`,
  model: 'model',
  device: 'device',
  instance_type: 'instance_type',
  worker: 'worker_id',
  tag: 'tags',
  priority: 'priority',
  error_code: 'error_code',
};

/** The groups of a key: a job with several tags is in several, and in the whole once. */
const groupsOf = (key: string, group_by: Group): string =>
  group_by === 'tag' ? `unnest(CASE WHEN len(${key}) > 0 THEN ${key} ELSE [NULL] END)` : key;

const IN_ORDER = 'ORDER BY whole DESC, "group" NULLS LAST';

/**
 * One row for the whole, whose `whole` is true, and one for each group, of figures that add up: `parts` are figures of the rows,
 * computed once for each key, and `figures` are figures of the parts. Goes after WITH and what defines `rows`.
 */
export const added = (
  rows: string,
  { parts, figures }: { parts: string; figures: string },
  group_by: Group,
): string => `
  parts AS MATERIALIZED (SELECT ${KEY_OF[group_by]} AS key, ${parts} FROM ${rows} GROUP BY key)
  SELECT NULL AS "group", true AS whole, ${figures} FROM parts
  UNION ALL SELECT "group", false AS whole, ${figures}
  FROM (SELECT *, ${groupsOf('key', group_by)} AS "group" FROM parts) GROUP BY "group" ${IN_ORDER}`;

/** The same for figures that do not add up, such as quantiles: computed from the rows of the whole and of each group. */
export function grouped(rows: string, figures: string, group_by: Group): string {
  const of = `(SELECT *, ${groupsOf(KEY_OF[group_by], group_by)} AS "group" FROM ${rows})`;
  if (group_by !== 'tag') {
    const sets = 'GROUP BY GROUPING SETS ((), ("group"))';
    return `SELECT "group", grouping("group") = 1 AS whole, ${figures} FROM ${of} ${sets} ${IN_ORDER}`;
  }
  return `
    SELECT NULL AS "group", true AS whole, ${figures} FROM ${rows}
    UNION ALL SELECT "group", false AS whole, ${figures} FROM ${of} GROUP BY "group" ${IN_ORDER}`;
}

/** The figures of the whole and of each group. */
export async function ask(
  { analytics, limits }: Asking,
  { from_ms, to_ms, group_by }: Range,
  [sql, ...more_columns]: readonly [string, ...string[]],
): Promise<{ total: Figures; items: Figures[]; frame: object }> {
  const from = formatTime(from_ms);
  const to = formatTime(to_ms);
  const parameters = [textOf(from), textOf(to)];
  const result = await analytics.query({ sql, more_columns, parameters, ...limits, foreign: false });
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
export const count = (counts: string): string => `coalesce(sum(${counts}), 0)::BIGINT`;
