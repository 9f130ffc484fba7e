/** Analytics: reports over the jobs that ended in a period, and SQL for operators. */
import {
  AnalyticsQuery,
  BottleneckQuery,
  Bottlenecks,
  CostReport,
  DurationReport,
  FailureReport,
  type Group,
  JobRow,
  JobRowQuery,
  SqlRequest,
  SqlResult,
  ThroughputReport,
} from '../../../protocol/analytics.ts';
import { MonitorError } from '../../../protocol/errors.ts';
import { DAY_MS, parseTime } from '../../../protocol/time.ts';
import { type Asking, type Figures, objectsOf, type Range } from '../../analytics/reports/base.ts';
import { bottlenecks } from '../../analytics/reports/bottlenecks.ts';
import { csvOf } from '../../analytics/reports/csv.ts';
import { jobRows } from '../../analytics/reports/jobs.ts';
import { costs, durations, failures, throughput } from '../../analytics/reports/reports.ts';
import type { ApiContext } from '../context.ts';
import { endpoint, type HttpApiRequest } from '../endpoint.ts';
import { pageOf } from './jobs.ts';

/** undefined: the call came over a WebSocket. */
type Http = HttpApiRequest<unknown, unknown, unknown>['http'] | undefined;
type Report = { items: readonly Figures[] };

const DEFAULT_DAYS = 30;
const PAGE_DEFAULT = 100;
const SUSPECTS_DEFAULT = 20;
const PRODUCES = ['application/json', 'text/csv'];

export const analyticsEndpoints = [
  report('costs', 'Get the cost of the jobs that ended in a period', CostReport, costs, 'day'),
  report(
    'throughput',
    'Get the number of jobs and the hours of audio transcribed in a period',
    ThroughputReport,
    throughput,
    'day',
  ),
  report(
    'durations',
    'Get quantiles of queue, download, processing and turnaround times',
    DurationReport,
    durations,
    'day',
  ),
  report('failures', 'Get the failures of a period, and their cost', FailureReport, failures, 'error_code'),
  endpoint({
    method: 'GET',
    path: '/analytics/bottlenecks',
    operation: 'analytics.bottlenecks',
    permission: 'fleet',
    summary: 'Get the patterns that slow jobs down or make them fail, with their jobs',
    query: BottleneckQuery,
    responses: { 200: Bottlenecks },
    async run(context, { query }) {
      const range = rangeOf(query, context.engine.journal.now());
      return bottlenecks(askingFor(context), range, query.limit ?? SUSPECTS_DEFAULT);
    },
  }),
  endpoint({
    method: 'GET',
    path: '/analytics/jobs',
    operation: 'analytics.jobs',
    permission: 'fleet',
    summary: 'List jobs of a period by a filter with arithmetic and aggregates',
    query: JobRowQuery,
    responses: { 200: pageOf(JobRow) },
    produces: PRODUCES,
    async run(context, request) {
      const { filter, limit = PAGE_DEFAULT, cursor, ...times } = request.query;
      const range = rangeOf(times, context.engine.journal.now());
      return respond(httpOf(request), await jobRows(askingFor(context), { ...range, filter, limit, cursor }));
    },
  }),
  endpoint({
    method: 'POST',
    path: '/analytics/sql',
    operation: 'analytics.sql',
    permission: 'operate',
    summary: 'Run a SELECT over job_states and job_attempts (DuckDB); off unless the setting analytics_sql is on',
    body: SqlRequest,
    responses: { 200: SqlResult },
    produces: PRODUCES,
    async run(context, request) {
      const { analytics, limits } = askingFor(context);
      if (context.settings.analytics_sql !== 'on') throw sqlIsOff();
      const result = await analytics.query({ sql: request.body.sql, parameters: [], ...limits, foreign: true });
      const items = objectsOf(result);
      return respond(httpOf(request), { columns: result.columns, items, as_of_seq: result.as_of_seq }, result.columns);
    },
  }),
];

function report(
  name: string,
  summary: string,
  schema: typeof CostReport | typeof ThroughputReport | typeof DurationReport | typeof FailureReport,
  run: (asking: Asking, range: Range) => Promise<Report>,
  group: Group,
) {
  return endpoint({
    method: 'GET',
    path: `/analytics/${name}`,
    operation: `analytics.${name}`,
    permission: 'fleet',
    summary,
    query: AnalyticsQuery,
    responses: { 200: schema },
    produces: PRODUCES,
    async run(context, request) {
      return respond(
        httpOf(request),
        await run(askingFor(context), {
          ...rangeOf(request.query, context.engine.journal.now()),
          group_by: request.query.group_by ?? group,
        }),
      );
    },
  });
}

function askingFor({ analytics, settings }: ApiContext): Asking {
  if (settings.analytics !== 'on') {
    throw new MonitorError('conflict', 'analytics_off', 'analytics are switched off', {
      hint: 'Start the monitor with --analytics on.',
    });
  }
  const { analytics_rows_max: rows_max, analytics_timeout_ms: timeout_ms } = settings;
  return { analytics, limits: { rows_max, timeout_ms } };
}

/** Whole milliseconds; `to` excluded. */
function rangeOf({ from, to }: Pick<AnalyticsQuery, 'from' | 'to'>, now_ms: number): Omit<Range, 'group_by'> {
  const to_ms = to === undefined ? now_ms + 1 : parseTime(to);
  const from_ms = from === undefined ? to_ms - DEFAULT_DAYS * DAY_MS : parseTime(from);
  if (from_ms < to_ms) return { from_ms, to_ms };
  throw new MonitorError('invalid', 'empty_range', `from (${from}) is not before to (${to ?? 'now'})`);
}

const httpOf = (request: object): Http => (request as { http?: Http }).http;

/** JSON, or CSV if the caller prefers it. */
function respond<R extends Report>(http: Http, result: R, columns: readonly { name: string }[] = []) {
  if (!http || !/\btext\/csv\b/.test(http.request.headers.accept ?? '')) return result;
  http.reply.type('text/csv; charset=utf-8');
  const names = columns.map(({ name }) => name);
  return http.reply.send(csvOf(result.items, names));
}

const sqlIsOff = (): MonitorError =>
  new MonitorError('forbidden', 'sql_off', 'this monitor does not run SQL', {
    hint: 'Start it with --analytics-sql on, or run the query on the store: tmon sql --store URL "SELECT …"',
  });
