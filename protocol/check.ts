/**
 * The result of `tmon check`: what `--json` prints and what a webhook receives. Fields may be added, never changed.
 *
 * `well`: no problem was found in what was read completely. `wrong`: see `problems`. `unknown`: no problem was found, but
 * a source could not be read, or a warning says what else is not known.
 */
import { type Static, Type } from 'typebox';
import { Count, Nullable, Percent, Time, TotalSeconds, Words } from './schema.ts';
import { SIGHTED_STATES } from './sighted-state.ts';

export const CHECK_VERDICTS = ['well', 'wrong', 'unknown'] as const;
export type CheckVerdict = (typeof CHECK_VERDICTS)[number];

export const PROBLEM_KINDS = [
  'job_stuck',
  'worker_quiet',
  'job_failed',
  'job_waits',
  'queue_old',
  'dead_letters',
  'alert',
] as const;
export type ProblemKind = (typeof PROBLEM_KINDS)[number];

export const WARNING_KINDS = [
  'clock_ahead',
  'unreadable',
  'half_written',
  'nothing_found',
  'in_flight',
  'undated',
  'monitor_store',
  'zone',
  'note',
] as const;
export type WarningKind = (typeof WARNING_KINDS)[number];

export const CheckedJob = Type.Object({
  job_id: Type.String(),
  reported_id: Nullable(Type.String({ description: 'The name of the job in its system, if that is not an id.' })),
  source: Type.String({ description: 'The source with the latest report.' }),
  state: Words(SIGHTED_STATES, 'The last reported state.'),
  worker_id: Nullable(Type.String()),
  stuck: Type.Boolean({ description: 'No progress for longer than `progress_within_seconds`.' }),
  percentage: Nullable(Percent('Of the job.')),
  stage: Nullable(Type.String()),
  percent_per_minute: Nullable(
    Type.Number({
      minimum: 0,
      description: 'Its pace: over its last reports if they are known, otherwise since its start.',
    }),
  ),
  eta_seconds: Nullable(TotalSeconds('Time left at this pace; null if the pace is unknown or the job is stuck.')),
  started_at: Nullable(Time('Start of the last attempt.')),
  ended_at: Nullable(Time('End of the last attempt.')),
  told_at: Time('Time of the latest report.'),
  moved_at: Time('When percentage or stage last changed, as far as known.'),
  still_seconds: Nullable(TotalSeconds('Running: time without progress.')),
  progress_within_seconds: Nullable(
    TotalSeconds(
      'Running: 3 × its longest time without progress; if only its last report is known, 3 × the time for 10 % at its mean pace (up to 10 %, at most --stuck-after); if nothing is known, --stuck-after.',
    ),
  ),
  error: Nullable(Type.String({ description: 'FAILED: the reason, for people.' })),
});
export type CheckedJob = Static<typeof CheckedJob>;

export const CheckedWorker = Type.Object({
  worker_id: Type.String(),
  quiet: Type.Boolean({
    description: 'Holds a job, and was silent for longer than --quiet-after and than its jobs’ own pace allows.',
  }),
  heard_at: Time('Time of the latest report about any of its jobs.'),
  silent_seconds: TotalSeconds('Time since `heard_at`.'),
  running: Type.Array(Type.String(), { description: 'Jobs it holds.' }),
});
export type CheckedWorker = Static<typeof CheckedWorker>;

export const CheckedSource = Type.Object({
  name: Type.String({ description: 'Its URL, without secrets.' }),
  read: Type.Boolean({ description: 'False: see `error`.' }),
  error: Nullable(
    Type.Object({
      kind: Type.String({ description: 'invalid_url, missing, denied, unreachable or unusable.' }),
      message: Type.String(),
      hint: Nullable(Type.String({ description: 'The command that fixes it.' })),
    }),
  ),
  looked_at: Count('Lines, files, rows or messages.'),
  found_count: Count('Reports about jobs in it, also from before `since`.'),
  unreadable_count: Count('Lines, files, rows or messages that could not be read as a report.'),
  unreadable: Type.Array(Type.Object({ where: Type.String(), why: Type.String() }), { description: 'The first ten.' }),
  undated_count: Type.Optional(Count('Reports whose own time is missing or was not understood.')),
  notes: Type.Array(Type.String(), { description: 'What else there is to know about what was read.' }),
  queue: Nullable(
    Type.Object({
      waiting: Count('Messages or jobs that wait.'),
      in_flight: Count('Held by a worker.'),
      oldest_seconds: Nullable(TotalSeconds('Age of the oldest waiting one; null if unknown.')),
      dead_letters: Nullable(Count('In its dead-letter queue, or in it if it is one; null if it has none.')),
    }),
  ),
  alerts: Type.Array(Type.Object({ id: Type.String(), message: Type.String() }), {
    description: 'A monitor’s active alerts of severity WARNING or CRITICAL.',
  }),
});
export type CheckedSource = Static<typeof CheckedSource>;

export const CheckDocument = Type.Object(
  {
    verdict: Words(CHECK_VERDICTS, 'The verdict; the exit code is 0, 1 or 3.'),
    checked_at: Time('The time that ages are measured from.'),
    since: Time('Older reports are ignored.'),
    says: Type.String({ description: 'One-line summary.' }),
    problems: Type.Array(
      Type.Object({
        kind: Words(PROBLEM_KINDS, 'What is wrong.'),
        subject: Type.String({ description: 'The job, worker or source.' }),
        says: Type.String({ description: 'One-line description.' }),
        at: Type.Optional(Time('job_failed: when.')),
      }),
    ),
    warnings: Type.Array(
      Type.Object({
        kind: Words(WARNING_KINDS, 'What to look at.'),
        subject: Type.String(),
        says: Type.String(),
        unknown: Type.Boolean({ description: 'The verdict is not `well`, because of what is not known.' }),
      }),
    ),
    counts: Type.Object({
      queued: Count('Jobs reported as waiting.'),
      running: Count('Running jobs, including stuck ones.'),
      stuck: Count('Jobs without progress for too long.'),
      completed: Count('Completed since `since`.'),
      failed: Count('Failed since `since`.'),
      failure_rate: Nullable(
        Type.Number({ minimum: 0, maximum: 1, description: 'failed ÷ (completed + failed); null when both are 0.' }),
      ),
    }),
    running: Type.Array(CheckedJob, { description: 'Stuck ones first, then by id.' }),
    failed: Type.Array(CheckedJob, { description: 'Newest first, at most 100.' }),
    workers: Type.Array(CheckedWorker, { description: 'Workers that hold a job; quiet ones first, then by id.' }),
    sources: Type.Array(CheckedSource),
  },
  { $id: 'CheckDocument' },
);
export type CheckDocument = Static<typeof CheckDocument>;
