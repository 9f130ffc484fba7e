/**
 * The file of alert rules, in YAML: rules, inhibitions and mute times. A rule with the name of a default changes only what it
 * names.
 *
 *     rules:
 *       - name: queue_slow
 *         signal: queue_age_seconds
 *         at_least: 30m
 *         severity: WARNING
 *         summary: 'The oldest job has waited {{ value }}'
 */
import { type Static, Type } from 'typebox';
import { SEVERITIES } from './alert.ts';
import { LABEL_VALUE_MAX, LabelName } from './alert-labels.ts';
import { closed, Words } from './schema.ts';

const DURATION = 'a duration: a number of seconds, or one with a unit (90s, 30m, 12h, 7d)';
const Duration = Type.Union([Type.Number({ minimum: 0 }), Type.String()], { description: DURATION });
const Threshold = (meaning: string) =>
  Type.Union([Type.Number(), Type.String()], {
    description: `a number, or for a signal in seconds a duration (90s, 30m): ${meaning}`,
  });

const Matchers = (meaning: string) =>
  Type.Array(Type.String({ maxLength: 2 * LABEL_VALUE_MAX }), {
    maxItems: 20,
    description: `${meaning} Each is name=value or name!=value, with * for any text.`,
  });

const Template = (meaning: string) =>
  Type.String({
    minLength: 1,
    maxLength: 1_000,
    description: `${meaning} {{ value }}, {{ labels.NAME }} and {{ details.NAME }} are replaced.`,
  });

export const AlertRuleEntry = Type.Object(
  {
    name: Type.String({
      pattern: '^[a-z][a-z0-9_]{0,63}$',
      description: 'lower-case letters, digits and `_`, beginning with a letter, at most 64',
    }),
    signal: Type.Optional(Type.String({ description: 'The signal whose samples are compared.' })),
    where: Type.Optional(Matchers('Only samples whose labels all of these select.')),
    above: Type.Optional(Threshold('the value is greater')),
    at_least: Type.Optional(Threshold('the value is this or greater')),
    below: Type.Optional(Threshold('the value is smaller')),
    at_most: Type.Optional(Threshold('the value is this or smaller')),
    equals: Type.Optional(Threshold('the value is this')),
    absent: Type.Optional(Type.Literal(true, { description: 'There is no sample.' })),
    for: Type.Optional(Duration),
    severity: Type.Optional(Words(SEVERITIES, 'INFO, WARNING or CRITICAL. Default: WARNING.')),
    labels: Type.Optional(
      Type.Record(Type.String(), Type.String({ maxLength: LABEL_VALUE_MAX }), { description: 'Further labels.' }),
    ),
    summary: Type.Optional(Template('The message of the alert, one line.')),
    description: Type.Optional(Template('What it means, and what to do.')),
    runbook_url: Type.Optional(
      Type.String({
        pattern: '^https?://',
        maxLength: 2_000,
        description: 'a URL that begins with http:// or https://',
      }),
    ),
    enabled: Type.Optional(Type.Boolean({ description: 'false: the rule is off.' })),
  },
  closed,
);
export type AlertRuleEntry = Static<typeof AlertRuleEntry>;

export const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const;

const ClockTime = Type.String({
  pattern: '^([01]\\d|2[0-3]):[0-5]\\d$|^24:00$',
  description: 'a time of day like 22:00',
});

export const AlertRulesFile = Type.Object(
  {
    defaults: Type.Optional(Type.Boolean({ description: 'false: none of the default rules and inhibitions.' })),
    rules: Type.Optional(Type.Array(AlertRuleEntry, { maxItems: 500 })),
    inhibitions: Type.Optional(
      Type.Array(
        Type.Object(
          {
            source: Matchers('Alerts that inhibit others while they fire.'),
            target: Matchers('Alerts that are inhibited.'),
            equal: Type.Optional(Type.Array(LabelName, { description: 'Labels that must be the same in both.' })),
          },
          closed,
        ),
        { maxItems: 100, description: 'In place of the default ones.' },
      ),
    ),
    mute_times: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name: LabelName,
            match: Type.Optional(Matchers('Alerts that notify nobody at these times. Default: all.')),
            zone: Type.String({ description: 'Zone of the times: utc, +02:00, Europe/Berlin.' }),
            weekdays: Type.Optional(Type.Array(Words(WEEKDAYS, 'A day of the week.'), { minItems: 1 })),
            from: Type.Optional(ClockTime),
            until: Type.Optional(ClockTime),
          },
          closed,
        ),
        { maxItems: 100 },
      ),
    ),
  },
  closed,
);
export type AlertRulesFile = Static<typeof AlertRulesFile>;

/** Seconds; null if the text is not a duration. */
export function parseDuration(value: number | string): number | null {
  if (typeof value === 'number') return value >= 0 ? value : null;
  const [, count, unit] = /^(\d+(?:\.\d+)?)(s|m|h|d)$/.exec(value.trim()) ?? [];
  return count === undefined ? null : Number(count) * UNIT_SECONDS[unit as keyof typeof UNIT_SECONDS];
}

const UNIT_SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 };
