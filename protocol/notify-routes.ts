/**
 * The file of routes, in YAML: who is notified of which alerts, and how alerts are grouped.
 *
 *     destinations:
 *       ops: { url: 'slack:https://hooks.slack.com/services/…' }
 *       oncall: { url: 'pagerduty:${PAGERDUTY_KEY}' }
 *     routes:
 *       - match: [severity=CRITICAL]
 *         notify: [oncall]
 *         continue: true
 *       - notify: [ops]
 */
import { type Static, Type } from 'typebox';
import { LABEL_VALUE_MAX, LabelName } from './alert-labels.ts';
import { closed } from './schema.ts';

const DURATION = 'a duration: a number of seconds, or one with a unit (90s, 30m, 12h, 7d)';
const Duration = Type.Union([Type.Number({ minimum: 0 }), Type.String()], { description: DURATION });

export const DESTINATION_PATTERN = '^[a-z][a-z0-9_-]{0,63}$';

export const NotifyDestination = Type.Object(
  {
    url: Type.String({
      minLength: 1,
      maxLength: 2048,
      description:
        'sns:ARN, https://…, slack:WEBHOOK-URL, teams:WORKFLOW-URL, pagerduty:KEY, telegram:TOKEN@CHAT or mailto:ADDRESS. ${NAME} is replaced by the environment.',
    }),
    secret: Type.Optional(
      Type.String({ maxLength: 400, description: 'Signs its webhooks, in place of `webhook_secret`: whsec_….' }),
    ),
  },
  closed,
);

export const NotifyRoute = Type.Object(
  {
    match: Type.Optional(
      Type.Array(Type.String({ maxLength: 2 * LABEL_VALUE_MAX }), {
        maxItems: 20,
        description:
          'All must select the labels of an alert: name=value or name!=value, with * for any text. Default: every alert.',
      }),
    ),
    notify: Type.Array(Type.String({ maxLength: 64 }), {
      minItems: 1,
      maxItems: 20,
      description: 'Names of destinations.',
    }),
    group_by: Type.Optional(
      Type.Array(LabelName, {
        maxItems: 10,
        description: 'Alerts with equal values of these labels share a message. Default: alertname.',
      }),
    ),
    group_wait: Type.Optional(Duration),
    group_interval: Type.Optional(Duration),
    repeat_interval: Type.Optional(Duration),
    send_resolved: Type.Optional(Type.Boolean({ description: 'false: no message when the alerts are resolved.' })),
    continue: Type.Optional(Type.Boolean({ description: 'true: later routes may take the same alerts, too.' })),
  },
  closed,
);

export const NotifyRoutesFile = Type.Object(
  {
    destinations: Type.Optional(
      Type.Record(Type.String(), NotifyDestination, { description: 'Who may be notified, by name.' }),
    ),
    routes: Type.Optional(
      Type.Array(NotifyRoute, { maxItems: 200, description: 'The first that selects an alert takes it.' }),
    ),
  },
  { ...closed, $id: 'NotifyRoutesFile' },
);
export type NotifyRoutesFile = Static<typeof NotifyRoutesFile>;
