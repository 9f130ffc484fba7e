/** Analytics (A102-A108): costs, throughput, durations and failures of a time, bottlenecks, and SQL. */
import { type Static, Type } from 'typebox';
import { GROUPS, PATTERNS, type Pattern } from './analytics-words.ts';
import { AsOfSeq, Count, closed, Nullable, Time, TotalSeconds, TotalUsd, Words } from './schema.ts';

export { GROUPS, type Group, PATTERNS, type Pattern } from './analytics-words.ts';

export const AnalyticsQuery = Type.Object(
  {
    from: Type.Optional(Time('Jobs that ended at or after. Default: 30 days before `to`.')),
    to: Type.Optional(Time('Jobs that ended before. Default: now.')),
    group_by: Type.Optional(Words(GROUPS, 'One row for each. Default day; for failures error_code.')),
  },
  closed,
);
export type AnalyticsQuery = Static<typeof AnalyticsQuery>;

const group = Nullable(
  Type.String({ description: 'The day (2025-07-07), the hour (2025-07-07T19:00:00Z), the model, …; null if unknown.' }),
);

const ended = {
  jobs_completed: Count('Jobs that were completed.'),
  jobs_failed: Count('Jobs that failed for good.'),
  jobs_cancelled: Count('Jobs that were cancelled.'),
};

export const Costs = Type.Object({
  ...ended,
  cost_usd: TotalUsd('Sum of all attempts, of jobs that ended in this time, however.'),
  wasted_usd: TotalUsd('Of that, attempts without a transcript.'),
  unpriced_attempts: Count('Attempts whose price is unknown, so that they are not in cost_usd.'),
  instance_seconds: TotalSeconds('Time of all attempts.'),
  audio_seconds: TotalSeconds('Length of the audio of the completed jobs.'),
  cost_per_job_usd: Nullable(TotalUsd('cost_usd ÷ jobs_completed; null if there are none.')),
  cost_per_audio_minute_usd: Nullable(TotalUsd('cost_usd ÷ minutes of audio; null if there are none.')),
});

export const Throughput = Type.Object({
  ...ended,
  success_rate: Nullable(
    Type.Number({ minimum: 0, maximum: 1, description: 'completed ÷ (completed + failed); null when both are 0.' }),
  ),
  audio_seconds: TotalSeconds('Length of the audio of the completed jobs.'),
  processing_seconds: TotalSeconds('Last attempts of the completed jobs.'),
  throughput_factor: Nullable(
    Type.Number({
      minimum: 0,
      description: 'Audio seconds ÷ processing seconds, of completed jobs with a known length.',
    }),
  ),
});

const Quantiles = Type.Object(
  {
    count: Count('Jobs in which it is known.'),
    average: Nullable(TotalSeconds('Mean.')),
    p50: Nullable(TotalSeconds('Median.')),
    p90: Nullable(TotalSeconds('90 % are at most this.')),
    p95: Nullable(TotalSeconds('95 % are at most this.')),
    p99: Nullable(TotalSeconds('99 % are at most this.')),
    max: Nullable(TotalSeconds('The longest.')),
  },
  { description: 'Quantiles are interpolated between the two nearest values.' },
);
export type Quantiles = Static<typeof Quantiles>;

export const Durations = Type.Object({
  jobs_completed: ended.jobs_completed,
  queue: Quantiles,
  download: Quantiles,
  processing: Quantiles,
  turnaround: Quantiles,
});

export const Failures = Type.Object({
  jobs_failed: ended.jobs_failed,
  attempts_failed: Count('Attempts that ended with an error, those of jobs that were completed later included.'),
  jobs_recovered: Count('Jobs with such an attempt that were completed.'),
  wasted_usd: TotalUsd('Cost of these attempts.'),
  first_at: Nullable(Time('When the first of these attempts ended.')),
  last_at: Nullable(Time('When the last of these attempts ended.')),
  example_job_ids: Type.Array(Type.String(), { description: 'Up to five, the latest first.' }),
});

const reportOf = <T extends ReturnType<typeof Type.Object>>(figures: T, id: string) =>
  Type.Object(
    {
      from: Time('As asked for.'),
      to: Time('As asked for.'),
      group_by: Words(GROUPS, 'As asked for.'),
      items: Type.Array(Type.Intersect([Type.Object({ group }), figures]), {
        description: 'In the order of the groups. A job with several tags is in several.',
      }),
      total: figures,
      as_of_seq: AsOfSeq,
    },
    { $id: id },
  );

export const CostReport = reportOf(Costs, 'CostReport');
export const ThroughputReport = reportOf(Throughput, 'ThroughputReport');
export const DurationReport = reportOf(Durations, 'DurationReport');
export const FailureReport = reportOf(Failures, 'FailuresReport');
export type CostReport = Static<typeof CostReport>;
export type ThroughputReport = Static<typeof ThroughputReport>;
export type DurationReport = Static<typeof DurationReport>;
export type FailuresReport = Static<typeof FailureReport>;

export const SqlRequest = Type.Object(
  {
    sql: Type.String({ minLength: 1, maxLength: 100_000, description: 'One SELECT over job_states and job_attempts.' }),
  },
  { ...closed, $id: 'SqlRequest' },
);
export type SqlRequest = Static<typeof SqlRequest>;

export const SqlResult = Type.Object(
  {
    columns: Type.Array(Type.Object({ name: Type.String(), type: Type.String({ description: 'In DuckDB.' }) })),
    items: Type.Array(Type.Record(Type.String(), Type.Unknown()), { description: 'One object a row.' }),
    as_of_seq: AsOfSeq,
  },
  { $id: 'SqlResult' },
);
export type SqlResult = Static<typeof SqlResult>;

/** A job as a row of `job_states`; see docs/analytics.md for the columns. Null where a value is unknown. */
export const JobRow = Type.Object(
  { job_id: Type.String(), state: Type.String() },
  { $id: 'JobRow', additionalProperties: true, description: 'A row of job_states: flat, null where unknown.' },
);
export type JobRow = Static<typeof JobRow> & Record<string, unknown>;

const range = { from: AnalyticsQuery.properties.from, to: AnalyticsQuery.properties.to };

export const JobRowQuery = Type.Object(
  {
    ...range,
    filter: Type.Optional(
      Type.String({
        maxLength: 4_096,
        description: 'A condition: `processing_time > avg_processing_time * 2`. See docs/analytics-filter.md.',
      }),
    ),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, description: 'Default 100.' })),
    cursor: Type.Optional(Type.String({ description: '`next_cursor` of the page before.' })),
  },
  closed,
);
export type JobRowQuery = Static<typeof JobRowQuery>;

export const BottleneckQuery = Type.Object(
  {
    ...range,
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, description: 'Jobs of each pattern. Default 20.' })),
  },
  closed,
);
export type BottleneckQuery = Static<typeof BottleneckQuery>;

const Suspect = Type.Intersect([
  JobRow,
  Type.Object({ evidence: Type.String({ description: 'Why it is here, in words and figures.' }) }),
]);

export const Bottlenecks = Type.Object(
  {
    from: Time('As asked for.'),
    to: Time('As asked for.'),
    jobs_completed: Count('Jobs that were completed.'),
    average_processing_seconds: Nullable(TotalSeconds('Their mean processing time.')),
    slow_jobs: Count('Of these, the ones that took more than twice as long.'),
    counts: Type.Object(
      Object.fromEntries(Object.entries(PATTERNS).map(([name, meaning]) => [name, Count(meaning)])) as Record<
        Pattern,
        ReturnType<typeof Count>
      >,
    ),
    patterns: Type.Object(
      Object.fromEntries(
        Object.entries(PATTERNS).map(([name, meaning]) => [name, Type.Array(Suspect, { description: meaning })]),
      ) as Record<Pattern, ReturnType<typeof Type.Array<typeof Suspect>>>,
    ),
    as_of_seq: AsOfSeq,
  },
  { $id: 'Bottlenecks' },
);
export type Bottlenecks = Static<typeof Bottlenecks>;
