/** The system as a whole: its health (the documents' System Health Schema, A42-A47) and its metrics. */
import { type Static, Type } from 'typebox';
import { Severity } from './alert.ts';
import { EstimateAccuracy } from './estimate.ts';
import { Id } from './ids.ts';
import { AsOfSeq, Count, closed, Nullable, Time, TotalSeconds, TotalUsd, Words } from './schema.ts';
import { HEALTH_STATUSES } from './worker.ts';

const successRate = (window: string) =>
  Nullable(
    Type.Number({
      minimum: 0,
      maximum: 1,
      description: `completed ÷ (completed + failed) over the last ${window}; null when both are 0.`,
    }),
  );

export const SystemMetrics = Type.Object({
  throughput_jobs_per_hour: Count('Jobs completed in the last 60 minutes.'),
  cost_per_hour_usd: TotalUsd("Sum of the live workers' hourly prices."),
  efficiency_score: Nullable(
    Type.Number({
      minimum: 0,
      maximum: 1,
      description:
        'Worker-seconds on attempts that completed ÷ paid worker-seconds, last hour; null when nothing was paid for.',
    }),
  ),
});

export const SystemHealth = Type.Object(
  {
    timestamp: Time('Log time of this document.'),
    overall_status: Words(HEALTH_STATUSES, 'The worst of the components.'),
    components: Type.Object({
      queue: Type.Object({
        status: Words(
          HEALTH_STATUSES,
          'DEGRADED: the oldest job has waited 5 minutes. UNHEALTHY: 30 minutes, or jobs wait and no worker is live.',
        ),
        messages_visible: Count('Jobs that may be claimed now.'),
        messages_inflight: Count('Jobs that workers hold.'),
        age_oldest_message: Nullable(TotalSeconds('Time the oldest claimable job has waited; null when none waits.')),
      }),
      workers: Type.Object({
        status: Words(HEALTH_STATUSES, 'DEGRADED: a live worker is not HEALTHY. UNHEALTHY: none of them is.'),
        total_count: Count('Workers that are not TERMINATED.'),
        healthy_count: Count('Of these, HEALTHY.'),
        active_count: Count('Of these, holding a job.'),
        idle_count: Count('Of these, IDLE.'),
      }),
      jobs: Type.Object({
        status: Words(HEALTH_STATUSES, 'DEGRADED: success rate of 24 hours below 0.95. UNHEALTHY: below 0.5.'),
        total_active: Count('Jobs that have not ended.'),
        success_rate_24h: successRate('24 hours'),
        average_completion_time: Nullable(
          TotalSeconds('Mean from submission to completion, jobs completed in the last 24 hours.'),
        ),
      }),
      sources: Type.Optional(
        Type.Object(
          {
            status: Words(
              HEALTH_STATUSES,
              'DEGRADED: at least one is failing; this does not affect the monitor itself.',
            ),
            total_count: Count('Sources that this instance follows.'),
            failing_count: Count('Of these, FAILING: GET /sources says why.'),
          },
          { description: 'Omitted if none is followed, and in the store, which is shared by all instances.' },
        ),
      ),
    }),
    alerts: Type.Array(
      Type.Object({ id: Id, severity: Severity, message: Type.String(), created_at: Time('When it was raised.') }),
      { description: 'Active alerts.' },
    ),
    metrics: SystemMetrics,
    clock: Type.Optional(
      Type.Object(
        { offset_ms: Type.Integer({ description: 'How far log time is ahead of the clock of the machine, in ms.' }) },
        {
          description:
            'Only if that clock was set while the monitor ran, or is behind the journal; omitted in the store.',
        },
      ),
    ),
    version: Type.Optional(
      Type.String({ description: 'Of the monitor that responds; omitted in the store and on the feed.' }),
    ),
    as_of_seq: AsOfSeq,
  },
  { $id: 'SystemHealth' },
);
export type SystemHealth = Static<typeof SystemHealth>;

/** One hour or one day of the time series. */
export const MetricsPeriod = Type.Object(
  {
    period_start: Time('First moment of the hour or day.'),
    jobs_submitted: Count('Jobs submitted.'),
    jobs_completed: Count('Jobs completed.'),
    jobs_failed: Count('Jobs that failed permanently.'),
    jobs_cancelled: Count('Jobs cancelled.'),
    average_processing_time: Nullable(TotalSeconds('Mean time of the attempts that completed.')),
    average_queue_time: Nullable(TotalSeconds('Mean time that completed jobs had waited.')),
    audio_seconds: TotalSeconds('Audio transcribed.'),
    cost_total: TotalUsd('Sum of `actual_cost_usd` of attempts that ended.'),
    success_rate: successRate('period'),
    audio_hours: Type.Number({ minimum: 0, description: '`audio_seconds` ÷ 3600, to four decimals.' }),
    queue_depth: Nullable(Count('Jobs that could be claimed at the end of the period; null until it is over.')),
    queue_depth_max: Nullable(Count('Most jobs that could be claimed at any time; null if not measured.')),
    queue_depth_mean: Nullable(
      Type.Number({
        minimum: 0,
        description: 'Time that jobs waited ÷ `measured_seconds`, the mean depth over time; null if not measured.',
      }),
    ),
    age_oldest_message_max: Nullable(
      TotalSeconds('Greatest `age_oldest_message` of the main queue; null if none waited.'),
    ),
    worker_seconds_paid: Nullable(TotalSeconds('Time of all workers that were not TERMINATED; null if not measured.')),
    worker_seconds_busy: Nullable(TotalSeconds('Of this, time in which the worker held a job.')),
    worker_seconds_idle: Nullable(TotalSeconds('Of this, time in which it was IDLE.')),
    measured_seconds: TotalSeconds(
      'Log time that the figures of the queue and the workers cover: 3600 for a whole hour; less if the journal began in it, if it began before a version that measures them, or while it is not over. In the store they then cover, of an hour, the time up to `as_of_seq`, and of a day, its hours that are over.',
    ),
    as_of_seq: AsOfSeq,
  },
  { $id: 'MetricsPeriod' },
);
export type MetricsPeriod = Static<typeof MetricsPeriod>;

export const CurrentMetrics = Type.Intersect(
  [
    SystemMetrics,
    Type.Object({
      timestamp: Time('Log time of this document.'),
      jobs: Type.Record(Type.String(), Count('Jobs in memory in this state.')),
      hour: Type.Unsafe<MetricsPeriod>({ $ref: 'MetricsPeriod#', description: 'The current hour.' }),
      day: Type.Unsafe<MetricsPeriod>({ $ref: 'MetricsPeriod#', description: 'The current day, UTC.' }),
      estimates: EstimateAccuracy,
      as_of_seq: AsOfSeq,
    }),
  ],
  { $id: 'CurrentMetrics' },
);
export type CurrentMetrics = Static<typeof CurrentMetrics>;

const GROUPS = ['worker', 'model'] as const;

export const MetricsQuery = Type.Object(
  {
    from: Type.Optional(Time('Start of the series. Default: 24 hours, or 30 days, before `to`.')),
    to: Type.Optional(Time('End of the series, excluded. Default: now.')),
    step: Type.Optional(Words(['hour', 'day'], 'Length of a period. Default: hour.')),
    group_by: Type.Optional(
      Words(GROUPS, 'One item for each worker or model of a period, instead of one for the period.'),
    ),
    group: Type.Optional(
      Type.String({ minLength: 1, maxLength: 200, description: 'With `group_by`: only this worker or model.' }),
    ),
  },
  closed,
);
export type MetricsQuery = Static<typeof MetricsQuery>;

export const MetricsSeries = Type.Object(
  {
    step: Words(['hour', 'day'], 'Length of a period.'),
    from: Time('First moment of the first period of the range.'),
    to: Time('First moment after its last period.'),
    items: Type.Array(Type.Unsafe<MetricsPeriod>({ $ref: 'MetricsPeriod#' }), {
      description:
        'Periods that overlap the range, oldest first. One in which nothing was counted, no job waited and no worker was paid is left out. The period that is not over has its figures so far.',
    }),
    unreadable: Type.Optional(
      Type.Array(Type.Object({ key: Type.String(), problem: Type.String() }), {
        description: 'Missing or damaged objects of the archive, whose periods are missing here; omitted if none.',
      }),
    ),
    as_of_seq: AsOfSeq,
  },
  { $id: 'MetricsSeries' },
);
export type MetricsSeries = Static<typeof MetricsSeries>;

/** What a worker or a model did in one hour or day. */
export const MetricsShare = Type.Object(
  {
    period_start: Time('First moment of the hour or day.'),
    group: Nullable(
      Type.String({
        description:
          'Id of the worker, or the model; `unknown` if the source or the worker named none; null: all beyond the first 500 workers or 50 models of the period.',
      }),
    ),
    jobs_completed: Count('Jobs completed.'),
    attempts_failed: Count('Attempts that failed, except those that were handed back or cancelled.'),
    success_rate: Nullable(
      Type.Number({
        minimum: 0,
        maximum: 1,
        description: 'jobs_completed ÷ (jobs_completed + attempts_failed); null when both are 0.',
      }),
    ),
    average_processing_time: Nullable(TotalSeconds('Mean time of the attempts that completed.')),
    busy_seconds: TotalSeconds('Time of all attempts that ended in the period; one that began before it counts whole.'),
    audio_seconds: TotalSeconds('Audio transcribed.'),
    realtime_factor: Nullable(
      Type.Number({
        minimum: 0,
        description: 'Time of the attempts that completed ÷ `audio_seconds`; null without audio of known length.',
      }),
    ),
    cost_total: TotalUsd('Cost of the attempts that ended.'),
  },
  { $id: 'MetricsShare' },
);
export type MetricsShare = Static<typeof MetricsShare>;

export const MetricsGroups = Type.Object(
  {
    step: Words(['hour', 'day'], 'Length of a period.'),
    group_by: Words(GROUPS, 'What the periods are divided by.'),
    from: Time('First moment of the first period of the range.'),
    to: Time('First moment after its last period.'),
    kept_from: Time('Shares of earlier periods are not kept: hours of two days and days of thirty are. See analytics.'),
    items: Type.Array(Type.Unsafe<MetricsShare>({ $ref: 'MetricsShare#' }), {
      description:
        'Oldest period first, by name in each. A worker or model that ended no attempt in a period is left out.',
    }),
    as_of_seq: AsOfSeq,
  },
  { $id: 'MetricsGroups' },
);
export type MetricsGroups = Static<typeof MetricsGroups>;

export const SystemSettings = Type.Object(
  {
    version: Type.String({ description: 'Of the monitor.' }),
    store: Type.String({ description: 'Where everything is kept.' }),
    destinations: Type.Array(Type.String(), { description: 'Names of those who can be notified of alerts.' }),
    settings: Type.Array(
      Type.Object({
        name: Type.String({ description: '`lease_ms`: the option `--lease-ms`, the variable `TMON_LEASE_MS`.' }),
        value: Nullable(
          Type.Union([Type.String(), Type.Number()], {
            description: 'Of one that may contain a secret only `set`, or empty. null: it depends on the store.',
          }),
        ),
        default: Nullable(Type.Union([Type.String(), Type.Number()])),
        meaning: Type.String(),
      }),
      { description: 'In the order of `tmon serve --help`.' },
    ),
  },
  { $id: 'SystemSettings', description: 'What this instance was started with.' },
);
export type SystemSettings = Static<typeof SystemSettings>;
