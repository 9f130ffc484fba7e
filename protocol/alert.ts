/**
 * An alert: a condition that needs a person's attention. It is pending while its condition has not held for as long as
 * its rule requires, then fires, and is resolved by itself or by hand.
 */
import { type Static, Type } from 'typebox';
import { Matcher } from './alert-labels.ts';
import { Id } from './ids.ts';
import { AsOfSeq, closed, Nullable, Time, Words } from './schema.ts';

export const SEVERITIES = ['INFO', 'WARNING', 'CRITICAL'] as const;
export const Severity = Words(SEVERITIES, 'INFO, WARNING or CRITICAL.');
export type Severity = Static<typeof Severity>;

export const ALERT_STATUSES = ['pending', 'firing', 'resolved'] as const;
export type AlertStatus = (typeof ALERT_STATUSES)[number];

export const Acknowledgement = Type.Object({
  by: Type.String({ description: 'Who acknowledged the alert.' }),
  at: Time('When.'),
});

export const Alert = Type.Object(
  {
    id: Id,
    rule: Type.String({
      description:
        'The rule that raised it: `worker_lost`, `worker_degraded`, `jobs_dead_lettered`, `queue_without_workers`, …',
    }),
    subject: Nullable(Type.String({ description: 'The worker, job or queue concerned.' })),
    severity: Severity,
    status: Words(ALERT_STATUSES, '`pending`, `firing` or `resolved`.'),
    labels: Type.Record(Type.String(), Type.String(), {
      description:
        '`alertname` (the rule), `severity`, the labels of the subject (`worker`, `queue`, `job`, …) and of the rule.',
    }),
    fingerprint: Type.String({
      description: 'Hash of the labels without `severity`. At most one unresolved alert has it.',
    }),
    message: Type.String({ description: 'For people: `Queue depth growing`.' }),
    description: Nullable(Type.String({ description: 'More about it: what it means, and what to do.' })),
    runbook_url: Nullable(Type.String({ description: 'Where the rule says how to respond.' })),
    created_at: Time('When its condition was first found to hold.'),
    fired_at: Nullable(Time('When it fired: its condition had held for as long as the rule requires.')),
    acknowledged: Nullable(Acknowledgement),
    resolved_at: Nullable(Time('When it was resolved; null while active.')),
    resolved_by: Nullable(
      Type.String({ description: '`condition` if it cleared by itself, otherwise the person who resolved it.' }),
    ),
    as_of_seq: AsOfSeq,
  },
  { $id: 'Alert' },
);
export type Alert = Static<typeof Alert>;

export const SILENCE_MATCHERS_MAX = 20;
export const COMMENT_MAX = 1_000;
export const AUTHOR_MAX = 200;

const SilenceParts = {
  matchers: Type.Array(Matcher, {
    minItems: 1,
    maxItems: SILENCE_MATCHERS_MAX,
    description: 'All of them must select the labels of an alert.',
  }),
  comment: Type.String({ maxLength: COMMENT_MAX, description: 'Why.' }),
};

/** Selected alerts are shown, but notify nobody. */
export const Silence = Type.Object(
  {
    id: Id,
    ...SilenceParts,
    created_by: Type.String({ description: 'Who created it.' }),
    created_at: Time('When it was created.'),
    starts_at: Time('From when on it holds.'),
    ends_at: Nullable(Time('When it ends; null: when the alerts that it is about are resolved.')),
    until_resolved: Nullable(
      Type.Array(Id, { description: 'Unresolved alerts: the silence ends with the last of them.' }),
    ),
  },
  { $id: 'Silence' },
);
export type Silence = Static<typeof Silence>;

export const SilenceCreation = Type.Object(
  {
    ...SilenceParts,
    created_by: Type.String({ minLength: 1, maxLength: AUTHOR_MAX, description: 'Who creates it.' }),
    starts_at: Type.Optional(Time('From when on it holds. Default: now.')),
    ends_at: Type.Optional(Time('When it ends. Required without `until_resolved`.')),
    until_resolved: Type.Optional(
      Type.Literal(true, {
        description: 'In place of `ends_at`: it ends when the unresolved alerts that it selects now are resolved.',
      }),
    ),
  },
  closed,
);
export type SilenceCreation = Static<typeof SilenceCreation>;

/** Why an alert notifies nobody. `id`: of the silence, or of the inhibiting alert; the name of the mute time; who acknowledged. */
export const SUPPRESSIONS = ['silence', 'inhibition', 'mute', 'acknowledged'] as const;
export const Suppression = Type.Object({
  by: Words(SUPPRESSIONS, 'What suppresses it.'),
  id: Type.String({
    description:
      'Id of the silence, id of the alert that inhibits it, name of the mute time, or who acknowledged the alert.',
  }),
});
export type Suppression = Static<typeof Suppression>;

export const EffectiveAlertRule = Type.Object({
  name: Type.String(),
  signal: Type.String({ description: 'What it compares.' }),
  where: Type.Array(Matcher, { description: 'Only samples whose labels all of these select.' }),
  condition: Type.String({ description: '`above`, `at_least`, `below`, `at_most`, `equals` or `absent`.' }),
  threshold: Nullable(Type.Number({ description: 'What samples are compared with; null for `absent`.' })),
  unit: Type.String({ description: 'Unit of the threshold: `seconds`, `usd`, `share`, `percent` or `count`.' }),
  for_seconds: Type.Number({ minimum: 0, description: 'How long the condition must hold. Seconds.' }),
  severity: Severity,
  labels: Type.Record(Type.String(), Type.String(), { description: 'Labels that the rule adds.' }),
  runbook_url: Nullable(Type.String()),
});

export const EffectiveAlertRules = Type.Object(
  {
    rules: Type.Array(EffectiveAlertRule),
    inhibitions: Type.Array(
      Type.Object({ source: Type.Array(Matcher), target: Type.Array(Matcher), equal: Type.Array(Type.String()) }),
    ),
    mute_times: Type.Array(
      Type.Object({
        name: Type.String(),
        match: Type.Array(Matcher),
        zone: Type.String(),
        weekdays: Type.Array(Type.String()),
        from: Type.String({ description: 'Time of day.' }),
        until: Type.String({ description: 'Time of day, excluded.' }),
      }),
    ),
    problem: Nullable(
      Type.String({
        description: 'Why the file could not be reloaded, so that earlier rules apply; null if it could.',
      }),
    ),
  },
  { $id: 'EffectiveAlertRules' },
);
export type EffectiveAlertRules = Static<typeof EffectiveAlertRules>;

/** The body of POST /system/alert-rules/backtest. */
export const BacktestRequest = Type.Object(
  {
    rules: Type.Optional(
      Type.String({
        maxLength: 100_000,
        description: 'A file of alert rules, in YAML; it changes the default ones. Default: the rules that apply.',
      }),
    ),
    since: Type.Optional(Time('From when on. Default: a day ago.')),
  },
  { ...closed, $id: 'BacktestRequest' },
);
export type BacktestRequest = Static<typeof BacktestRequest>;

export const AlertBacktest = Type.Object(
  {
    from: Time('From when on the rules were evaluated: later than requested if the journal does not go back that far.'),
    to: Time('Until when: now.'),
    firings: Type.Array(
      Type.Object({
        rule: Type.String(),
        subject: Nullable(Type.String({ description: 'The worker, job or queue concerned.' })),
        labels: Type.Record(Type.String(), Type.String()),
        message: Type.String(),
        created_at: Time('When the condition was first found to hold.'),
        fired_at: Time('When the alert fired.'),
        resolved_at: Nullable(Time('When it was resolved; null: it still fired at the end.')),
      }),
      { description: 'Oldest first.' },
    ),
    left_out: Type.Array(Type.String(), { description: 'Rules on signals that are not in the journal.' }),
  },
  { $id: 'AlertBacktest', description: 'When alert rules would have fired.' },
);
export type AlertBacktest = Static<typeof AlertBacktest>;
