/**
 * `api.analytics`: what jobs cost and how they went, over the jobs that ended in a time (30 days unless `from` and `to` say
 * otherwise), what slows them down, and SQL.
 */
import type {
  AnalyticsQuery,
  BottleneckQuery,
  Bottlenecks,
  CostReport,
  DurationReport,
  FailuresReport,
  JobRow,
  JobRowQuery,
  SqlResult,
  ThroughputReport,
} from '../../protocol/analytics.ts';
import { type Page, Pages } from './pages.ts';
import type { CallOptions, Transport } from './transport.ts';

export class Analytics {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** What jobs cost, by day or another group. */
  costs(query: AnalyticsQuery = {}, options: CallOptions = {}): Promise<CostReport> {
    return this.#get('costs', query, options);
  }

  /** How many jobs and how much audio were transcribed. */
  throughput(query: AnalyticsQuery = {}, options: CallOptions = {}): Promise<ThroughputReport> {
    return this.#get('throughput', query, options);
  }

  /** Quantiles of queue, download, processing and turnaround times. */
  durations(query: AnalyticsQuery = {}, options: CallOptions = {}): Promise<DurationReport> {
    return this.#get('durations', query, options);
  }

  /** What failed, and what it cost; by error code unless `group_by` is given. */
  failures(query: AnalyticsQuery = {}, options: CallOptions = {}): Promise<FailuresReport> {
    return this.#get('failures', query, options);
  }

  /** Patterns that slow jobs down or make them fail, each with the jobs that show it. `PerformanceAnalyzer` wraps it. */
  bottlenecks(query: BottleneckQuery = {}, options: CallOptions = {}): Promise<Bottlenecks> {
    return this.#get('bottlenecks', query, options);
  }

  /**
   * Jobs as rows of `job_states`, the last that ended first. `filter` is a condition such as
   * `processing_time > avg_processing_time * 2`: see docs/analytics-filter.md. `limit` is the page size.
   */
  jobs(query: JobRowQuery = {}, options: CallOptions = {}): Pages<JobRow> {
    return new Pages((cursor) =>
      this.#get<Page<JobRow>>('jobs', { ...query, cursor: cursor ?? query.cursor }, options),
    );
  }

  /** Runs one SELECT over `job_states` and `job_attempts`. Throws RefusedError `sql_off` unless the monitor allows it. */
  sql(sql: string, options: CallOptions = {}): Promise<SqlResult> {
    return this.#transport.json({ method: 'POST', path: '/analytics/sql', body: { sql }, ...options });
  }

  #get<T>(report: string, query: Record<string, string | number | undefined>, options: CallOptions): Promise<T> {
    return this.#transport.json({ method: 'GET', path: `/analytics/${report}`, query, ...options });
  }
}
