/**
 * Policies: what the monitor does about a verdict. The file of them is YAML; a policy with the name of a default changes only
 * what it names.
 *
 *     policies:
 *       - name: hung_job
 *         mode: on
 *       - name: urgent_hung_job
 *         verdict: hung
 *         where: [priority=high]
 *         action: requeue
 *         mode: on
 *     circuit_breaker: { actions: 10, share: 0.2, within: 5m, pause: 30m }
 */
import { type Static, Type } from 'typebox';
import { LABEL_VALUE_MAX, Matcher } from './alert-labels.ts';
import { Id } from './ids.ts';
import { Count, closed, Nullable, Time, TotalSeconds, Words } from './schema.ts';
import { Evidence } from './verdict.ts';

export const ACTIONS = [
  'none',
  'requeue',
  'kill_engine',
  'restart_worker',
  'replace_worker',
  'launch_worker',
  'end_worker',
  'terminate_instance',
] as const;
export const Action = Words(
  ACTIONS,
  '`none`: only the verdict. `requeue`: the attempt ends, and the job goes to another worker. `kill_engine`: its worker ends the engine. ' +
    '`restart_worker`, `replace_worker`: by another one. `launch_worker`: one more. `end_worker`: it is TERMINATED, no machine is touched. ' +
    '`terminate_instance`: the same, and its machine is ended.',
);
export type Action = Static<typeof Action>;

/** What makes sense for the verdict on a job. */
export const JOB_ACTIONS = {
  slow: ['none', 'requeue', 'kill_engine', 'restart_worker', 'replace_worker'],
  hung: ['none', 'requeue', 'kill_engine', 'restart_worker', 'replace_worker'],
  dead: ['none', 'requeue', 'restart_worker', 'replace_worker'],
  starved: ['none', 'launch_worker'],
  blocked: ['none', 'launch_worker'],
} as const satisfies Record<string, readonly Action[]>;

/** The same for the verdict on a worker. */
export const WORKER_ACTIONS = {
  silent: ['none', 'restart_worker', 'replace_worker', 'terminate_instance'],
  suspended: ['none', 'restart_worker', 'replace_worker', 'terminate_instance'],
  idle: ['none', 'terminate_instance'],
  orphaned: ['none', 'end_worker', 'replace_worker'],
  missing: ['none', 'terminate_instance'],
} as const satisfies Record<string, readonly Action[]>;

export type JobReason = keyof typeof JOB_ACTIONS;
export type WorkerReason = keyof typeof WORKER_ACTIONS;
export type Reason = JobReason | WorkerReason;
export const JOB_REASONS = Object.keys(JOB_ACTIONS) as JobReason[];
export const WORKER_REASONS = Object.keys(WORKER_ACTIONS) as WorkerReason[];
const REASONS: readonly Reason[] = [...JOB_REASONS, ...WORKER_REASONS];

/** Labels of the jobs and workers that `where` selects. `tag` is any tag of a job. */
export const JOB_LABELS = ['job', 'priority', 'tag', 'worker', 'model', 'device', 'instance_type'] as const;
export const WORKER_LABELS = ['worker', 'model', 'device', 'instance_type', 'region', 'availability_zone'] as const;

export const MODES = ['off', 'dry_run', 'on'] as const;
export const Mode = Words(
  MODES,
  '`off`: as if it were not there. `dry_run`: what it would do is recorded. `on`: it is done.',
);
export type Mode = Static<typeof Mode>;

export const OUTCOMES = ['acted', 'dry_run', 'limited', 'paused', 'refused'] as const;
export const ActionOutcome = Words(
  OUTCOMES,
  '`acted`; `dry_run`: it would have been done; `limited`: `per_hour` was reached; `paused`: the circuit breaker; `refused`: it cannot be done here.',
);
export type ActionOutcome = Static<typeof ActionOutcome>;

const DURATION = 'a duration: a number of seconds, or one with a unit (90s, 30m, 12h, 7d)';
const Duration = Type.Union([Type.Number({ minimum: 0 }), Type.String()], { description: DURATION });

export const PER_HOUR_MAX = 1_000;
const POLICY_NAME = '^[a-z][a-z0-9_]{0,63}$';

export const PolicyEntry = Type.Object(
  {
    name: Type.String({
      pattern: POLICY_NAME,
      description: 'lower-case letters, digits and `_`, beginning with a letter, at most 64',
    }),
    verdict: Type.Optional(Words(REASONS, 'The verdict on a job or a worker that it is for.')),
    where: Type.Optional(
      Type.Array(Type.String({ maxLength: 2 * LABEL_VALUE_MAX }), {
        maxItems: 20,
        description:
          'Only jobs or workers whose labels all of these select: name=value or name!=value, * for any text.',
      }),
    ),
    action: Type.Optional(Action),
    mode: Type.Optional(Mode),
    after: Type.Optional(Duration),
    per_hour: Type.Optional(
      Type.Integer({ minimum: 0, maximum: PER_HOUR_MAX, description: 'How often it acts in any hour, at most.' }),
    ),
  },
  closed,
);
export type PolicyEntry = Static<typeof PolicyEntry>;

export const CircuitBreakerEntry = Type.Object(
  {
    actions: Type.Optional(Type.Integer({ minimum: 1, maximum: PER_HOUR_MAX })),
    share: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 1,
        description: 'Part of the live workers or the running jobs, whichever is more; at least 3.',
      }),
    ),
    within: Type.Optional(Duration),
    pause: Type.Optional(Duration),
  },
  closed,
);
export type CircuitBreakerEntry = Static<typeof CircuitBreakerEntry>;

export const PoliciesFile = Type.Object(
  {
    defaults: Type.Optional(Type.Boolean({ description: 'false: none of the default policies.' })),
    policies: Type.Optional(Type.Array(PolicyEntry, { maxItems: 200 })),
    circuit_breaker: Type.Optional(CircuitBreakerEntry),
  },
  closed,
);
export type PoliciesFile = Static<typeof PoliciesFile>;

const decided = {
  at: Time('When it was decided. Log time.'),
  policy: Type.String(),
  verdict: Type.String({ description: 'Why: the verdict on the job or worker.' }),
  action: Action,
  outcome: ActionOutcome,
  reason: Type.String({ description: 'One sentence, for people.' }),
};

/** In the document of a job or a worker. */
export const ActionTaken = Type.Object(decided, { $id: 'ActionTaken', description: 'What a policy decided about it.' });
export type ActionTaken = Static<typeof ActionTaken>;

export const DecidedAction = Type.Object(
  {
    id: Id,
    ...decided,
    job_id: Nullable({ ...Id, description: 'The job that it is about; null if it is about a worker.' }),
    worker_id: Nullable({
      ...Id,
      description: 'The worker that it is about, or that has or had the job; null without one.',
    }),
    launched_worker_id: Nullable({ ...Id, description: 'The worker that was launched; null if none was.' }),
    mode: Mode,
    evidence: Evidence,
    machine: Nullable(
      Type.Object(
        {
          state: Words(['pending', 'done', 'failed'], 'Whether the fleet has done its part.'),
          details: Nullable(Type.String({ description: 'What the fleet did, or why it failed; null if unknown.' })),
        },
        { description: 'What the fleet does with the machine: start, restart or end it; null if nothing.' },
      ),
    ),
  },
  { $id: 'DecidedAction', description: 'What a policy decided: done, or why not.' },
);
export type DecidedAction = Static<typeof DecidedAction>;

export const PoliciesPause = Type.Object(
  {
    since: Time('When they were paused.'),
    until: Time('When they go on by themselves.'),
    reason: Type.String(),
  },
  { description: 'The circuit breaker: too many would have acted at once.' },
);

export const EffectivePolicies = Type.Object(
  {
    policies: Type.Array(
      Type.Object({
        name: Type.String(),
        verdict: Type.String(),
        where: Type.Array(Matcher),
        action: Action,
        mode: Mode,
        after_seconds: TotalSeconds('How long the verdict must have stood.'),
        per_hour: Count('How often it acts in any hour, at most.'),
        last_hour: Type.Object({
          acted: Count('How often it acted in the last hour.'),
          dry_run: Count('How often it would have acted.'),
        }),
      }),
      { description: 'In order: the first one for a verdict whose matchers select the job or worker decides.' },
    ),
    circuit_breaker: Type.Object({
      actions: Count('More than so many at once pause all policies.'),
      share: Type.Number(),
      within_seconds: TotalSeconds('What counts as at once.'),
      pause_seconds: TotalSeconds('For how long.'),
    }),
    paused: Nullable(PoliciesPause),
    problem: Nullable(
      Type.String({
        description: 'Why the file could not be reloaded, so that earlier policies apply; null if it could.',
      }),
    ),
  },
  { $id: 'EffectivePolicies', description: 'The policies that apply, and what they did in the last hour.' },
);
export type EffectivePolicies = Static<typeof EffectivePolicies>;
