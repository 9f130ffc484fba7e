/**
 * What `tmon check` finds out: the document that `--json` prints and that a webhook is sent. Fields are added, never changed.
 *
 * `well`: nothing is wrong. `wrong`: `problems` says what. `unknown`: nothing wrong was seen, and not every source could be
 * read.
 */
import { type Static, Type } from 'typebox';
import { Count, Nullable, Percent, Seconds, Time, Words } from './schema.ts';
import { SIGHTED_STATES } from './sighting.ts';

export const CHECK_VERDICTS = ['well', 'wrong', 'unknown'] as const;
export type CheckVerdict = (typeof CHECK_VERDICTS)[number];

export const PROBLEM_KINDS = ['job_stuck', 'worker_quiet', 'job_failed', 'queue_old', 'dead_letters', 'alert'] as const;
export type ProblemKind = (typeof PROBLEM_KINDS)[number];

export const WARNING_KINDS = ['clock_ahead', 'unreadable'] as const;
export type WarningKind = (typeof WARNING_KINDS)[number];

export const CheckedJob = Type.Object({
  job_id: Type.String(),
  source: Type.String({ description: 'Name of the source that told of it last.' }),
  state: Words(SIGHTED_STATES, 'The last that was told.'),
  worker_id: Nullable(Type.String()),
  stuck: Type.Boolean({ description: 'No progress for longer than `progress_within_seconds`.' }),
  percentage: Nullable(Percent('Of the job.')),
  stage: Nullable(Type.String()),
  percent_per_minute: Nullable(
    Type.Number({
      minimum: 0,
      description: 'Its pace, over its last reports where they are known, else since its start.',
    }),
  ),
  eta_seconds: Nullable(Seconds('To its end at this pace; null where the pace is not known or the job is stuck.')),
  started_at: Nullable(Time('Start of the last attempt.')),
  ended_at: Nullable(Time('End of the last attempt.')),
  told_at: Time('Of the newest that was told.'),
  moved_at: Time('When percentage or stage last changed, as far as is known.'),
  still_seconds: Nullable(Seconds('Running: time without progress.')),
  progress_within_seconds: Nullable(
    Seconds(
      'Running: 3 × the longest it has gone without progress; where only its last report is known, 3 × what 10 % took at its mean pace; where nothing is known, --stuck-after.',
    ),
  ),
  error: Nullable(Type.String({ description: 'FAILED: in words.' })),
});
export type CheckedJob = Static<typeof CheckedJob>;

export const CheckedWorker = Type.Object({
  worker_id: Type.String(),
  quiet: Type.Boolean({
    description: 'Holds a job, and nothing was heard of it for --quiet-after, nor in its jobs’ own pace.',
  }),
  heard_at: Time('Of the newest told of any of its jobs.'),
  silent_seconds: Seconds('Since then.'),
  running: Type.Array(Type.String(), { description: 'Jobs it holds.' }),
});
export type CheckedWorker = Static<typeof CheckedWorker>;

export const CheckedSource = Type.Object({
  name: Type.String({ description: 'Its URL, without what is secret in it.' }),
  read: Type.Boolean({ description: 'False: see `error`.' }),
  error: Nullable(
    Type.Object({
      kind: Type.String({ description: 'invalid_url, missing, denied, unreachable or unusable.' }),
      message: Type.String(),
      hint: Nullable(Type.String({ description: 'The command that mends it.' })),
    }),
  ),
  looked_at: Count('Lines, files, rows or messages.'),
  unreadable_count: Count('Of these, such as tell of no job as they should.'),
  unreadable: Type.Array(Type.Object({ where: Type.String(), why: Type.String() }), { description: 'The first ten.' }),
  queue: Nullable(
    Type.Object({
      waiting: Count('Messages or jobs that wait.'),
      in_flight: Count('Such as a worker holds.'),
      oldest_seconds: Nullable(Seconds('Age of the oldest that waits; null where it is not known.')),
      dead_letters: Nullable(Count('In its dead-letter queue; null where it has none.')),
    }),
  ),
  alerts: Type.Array(Type.Object({ id: Type.String(), message: Type.String() }), {
    description: 'A monitor’s active ones of WARNING and CRITICAL.',
  }),
});
export type CheckedSource = Static<typeof CheckedSource>;

export const CheckDocument = Type.Object(
  {
    verdict: Words(CHECK_VERDICTS, 'The answer; the exit code is 0, 1 or 3.'),
    checked_at: Time('The moment everything is measured from.'),
    since: Time('Nothing older was asked for.'),
    says: Type.String({ description: 'In one line.' }),
    problems: Type.Array(
      Type.Object({
        kind: Words(PROBLEM_KINDS, 'What is wrong.'),
        subject: Type.String({ description: 'The job, worker or source.' }),
        says: Type.String({ description: 'In one line.' }),
      }),
    ),
    warnings: Type.Array(
      Type.Object({ kind: Words(WARNING_KINDS, 'What to look at.'), subject: Type.String(), says: Type.String() }),
    ),
    counts: Type.Object({
      queued: Count('Jobs told of as waiting.'),
      running: Count('Stuck ones among them.'),
      stuck: Count('Without progress for too long.'),
      completed: Count('Since `since`.'),
      failed: Count('Since `since`.'),
      failure_rate: Nullable(
        Type.Number({ minimum: 0, maximum: 1, description: 'failed ÷ (completed + failed); null when both are 0.' }),
      ),
    }),
    running: Type.Array(CheckedJob, { description: 'Stuck ones first, then by id.' }),
    failed: Type.Array(CheckedJob, { description: 'Newest first, at most 100.' }),
    workers: Type.Array(CheckedWorker, { description: 'Such as hold a job; quiet ones first, then by id.' }),
    sources: Type.Array(CheckedSource),
  },
  { $id: 'CheckDocument' },
);
export type CheckDocument = Static<typeof CheckDocument>;
