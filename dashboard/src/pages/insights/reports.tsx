/** The reports: what each loads, its figures, its columns, and the measure that is drawn. */
import type {
  AnalyticsQuery,
  CostReport,
  DurationReport,
  FailuresReport,
  ThroughputReport,
} from '../../../../protocol/analytics.ts';
import type { TranscriptionAPI } from '../../../../sdk/typescript/index.ts';
import { count, duration, factor, percent, usd } from '../../parts/format.ts';

export type Row = { group: string | null };
export type Shown = { name: string; value: string; unit?: string; beside?: string };
export type Measure<T = Row> = {
  name: string;
  title: string;
  value: (row: T) => number | null;
  shown: (row: T) => string;
};

type Typed<T extends Row, Total> = {
  name: string;
  /** Of the chart. */
  title: string;
  colour: string;
  load: (api: TranscriptionAPI, query: AnalyticsQuery, signal: AbortSignal) => Promise<{ items: T[]; total: Total }>;
  figures: (total: Total) => Shown[];
  /** The first one is drawn. */
  measures: readonly Measure<T>[];
};

/** With rows and totals that only itself understands. */
export type Report = Typed<Row, object>;

const reportOf = <T extends Row, Total extends object>(report: Typed<T, Total>): Report => report as unknown as Report;

const hours = (seconds: number): string => `${(seconds / 3600).toFixed(seconds < 36_000 ? 1 : 0)} h`;

/** A column that shows a field of a row. */
function of<T>(
  name: string,
  title: string,
  value: (row: T) => number | null,
  shown: (value: number | null) => string,
): Measure<T> {
  return { name, title, value, shown: (row) => shown(value(row)) };
}

const whole = (value: number | null): string => (value === null ? '–' : count(value));

type Cost = CostReport['items'][number];
const costs = reportOf<Cost, CostReport['total']>({
  name: 'Costs',
  title: 'Cost',
  colour: 'accent-fill',
  load: (api, query, signal) => api.analytics.costs(query, { signal }),
  figures: (total) => [
    { name: 'Cost', value: usd(total.cost_usd), beside: 'all attempts' },
    { name: 'A job', value: usd(total.cost_per_job_usd), beside: `${count(total.jobs_completed)} completed` },
    {
      name: 'A minute of audio',
      value: usd(total.cost_per_audio_minute_usd),
      beside: `${hours(total.audio_seconds)} of audio`,
    },
    {
      name: 'Without a transcript',
      value: usd(total.wasted_usd),
      beside:
        total.cost_usd > 0
          ? `${percent((100 * total.wasted_usd) / total.cost_usd, 1)} of the cost`
          : 'nothing was spent',
    },
    { name: 'Time of attempts', value: hours(total.instance_seconds), beside: 'paid for' },
    { name: 'Unknown price', value: count(total.unpriced_attempts), unit: 'attempts', beside: 'not in the cost' },
  ],
  measures: [
    of('cost_usd', 'Cost', (row) => row.cost_usd, usd),
    of('wasted_usd', 'Wasted', (row) => row.wasted_usd, usd),
    of('cost_per_job_usd', 'A job', (row) => row.cost_per_job_usd, usd),
    of('cost_per_audio_minute_usd', 'A minute', (row) => row.cost_per_audio_minute_usd, usd),
    of('jobs_completed', 'Completed', (row) => row.jobs_completed, whole),
    of(
      'audio_seconds',
      'Audio',
      (row) => row.audio_seconds,
      (value) => hours(value ?? 0),
    ),
    of(
      'instance_seconds',
      'Attempts',
      (row) => row.instance_seconds,
      (value) => hours(value ?? 0),
    ),
  ],
});

type Throughput = ThroughputReport['items'][number];
const throughput = reportOf<Throughput, ThroughputReport['total']>({
  name: 'Throughput',
  title: 'Completed jobs',
  colour: 'accent-fill',
  load: (api, query, signal) => api.analytics.throughput(query, { signal }),
  figures: (total) => [
    {
      name: 'Completed',
      value: count(total.jobs_completed),
      unit: 'jobs',
      beside: `${count(total.jobs_cancelled)} cancelled`,
    },
    { name: 'Failed', value: count(total.jobs_failed), unit: 'jobs', beside: 'for good' },
    {
      name: 'Success',
      value: total.success_rate === null ? '–' : (100 * total.success_rate).toFixed(1),
      unit: '%',
      beside: 'completed of those that ended',
    },
    { name: 'Audio', value: hours(total.audio_seconds), beside: 'transcribed' },
    { name: 'Processing', value: hours(total.processing_seconds), beside: 'last attempts' },
    { name: 'Factor', value: factor(total.throughput_factor), beside: 'audio time ÷ processing time' },
  ],
  measures: [
    of('jobs_completed', 'Completed', (row) => row.jobs_completed, whole),
    of('jobs_failed', 'Failed', (row) => row.jobs_failed, whole),
    of('jobs_cancelled', 'Cancelled', (row) => row.jobs_cancelled, whole),
    of(
      'success_rate',
      'Success',
      (row) => row.success_rate,
      (value) => percent(value === null ? null : 100 * value, 1),
    ),
    of(
      'audio_seconds',
      'Audio',
      (row) => row.audio_seconds,
      (value) => hours(value ?? 0),
    ),
    of('throughput_factor', 'Factor', (row) => row.throughput_factor, factor),
  ],
});

type Duration = DurationReport['items'][number];
const quantile = (part: 'queue' | 'download' | 'processing' | 'turnaround', which: 'p50' | 'p95', title: string) =>
  of<Duration>(`${part}_${which}_seconds`, title, (row) => row[part][which], duration);
const durations = reportOf<Duration, DurationReport['total']>({
  name: 'Durations',
  title: 'Turnaround, P50',
  colour: 'accent-fill',
  load: (api, query, signal) => api.analytics.durations(query, { signal }),
  figures: (total) => [
    { name: 'Turnaround, P50', value: duration(total.turnaround.p50), beside: `P95 ${duration(total.turnaround.p95)}` },
    { name: 'Queue, P50', value: duration(total.queue.p50), beside: `P95 ${duration(total.queue.p95)}` },
    { name: 'Download, P50', value: duration(total.download.p50), beside: `P95 ${duration(total.download.p95)}` },
    { name: 'Processing, P50', value: duration(total.processing.p50), beside: `P95 ${duration(total.processing.p95)}` },
    { name: 'Longest', value: duration(total.turnaround.max), beside: 'turnaround of a job' },
    { name: 'Completed', value: count(total.jobs_completed), unit: 'jobs', beside: 'measured' },
  ],
  measures: [
    quantile('turnaround', 'p50', 'Turnaround, P50'),
    quantile('turnaround', 'p95', 'P95'),
    quantile('queue', 'p50', 'Queue, P50'),
    quantile('queue', 'p95', 'P95'),
    quantile('processing', 'p50', 'Processing, P50'),
    quantile('processing', 'p95', 'P95'),
    of('jobs_completed', 'Jobs', (row) => row.jobs_completed, whole),
  ],
});

type Failure = FailuresReport['items'][number];
const failures = reportOf<Failure, FailuresReport['total']>({
  name: 'Failures',
  title: 'Failed attempts',
  colour: 'bad-fill',
  load: (api, query, signal) => api.analytics.failures(query, { signal }),
  figures: (total) => [
    { name: 'Failed for good', value: count(total.jobs_failed), unit: 'jobs', beside: 'dead letters' },
    { name: 'Failed attempts', value: count(total.attempts_failed), beside: 'also of jobs completed later' },
    { name: 'Recovered', value: count(total.jobs_recovered), unit: 'jobs', beside: 'completed by a later attempt' },
    { name: 'Cost', value: usd(total.wasted_usd), beside: 'of the failed attempts' },
  ],
  measures: [
    of('attempts_failed', 'Attempts', (row) => row.attempts_failed, whole),
    of('jobs_failed', 'Failed for good', (row) => row.jobs_failed, whole),
    of('jobs_recovered', 'Recovered', (row) => row.jobs_recovered, whole),
    of('wasted_usd', 'Cost', (row) => row.wasted_usd, usd),
  ],
});

export const REPORTS: Readonly<Record<string, Report>> = { costs, throughput, durations, failures };
