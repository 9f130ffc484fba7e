/** Notifications: messages to somebody outside about the end of a job or about alerts, and their delivery log. */
import { type Static, Type } from 'typebox';
import { Severity } from './alert.ts';
import { Id } from './ids.ts';
import { JOB_ENDS, JobError, JobOutput, Metadata, Tags } from './job.ts';
import { AsOfSeq, Count, closed, Nullable, Time, Words } from './schema.ts';

export const NOTIFICATION_STATES = ['waiting', 'sending', 'delivered', 'failed'] as const;
export type NotificationState = (typeof NOTIFICATION_STATES)[number];

/** The types of messages: of webhooks the field `type` of the body. */
export const NOTIFICATION_TYPES = [
  ...JOB_ENDS.map((end) => `job.${end}` as const),
  'alerts.firing',
  'alerts.resolved',
  'notification.test',
] as const;
export const NotificationType = Words(NOTIFICATION_TYPES, 'What it is about.');
export type NotificationType = Static<typeof NotificationType>;

export const Notification = Type.Object(
  {
    id: Type.String({ description: 'The `webhook-id`: the same for each attempt, and for a replay.' }),
    type: NotificationType,
    destination: Type.String({ description: 'The notifier, or the webhook without its secret part.' }),
    job_id: Nullable(Type.String({ description: 'The job that it is about.' })),
    state: Words(NOTIFICATION_STATES, '`waiting`, `sending`, `delivered` or `failed`.'),
    attempts: Count('Deliveries begun.'),
    created_at: Time('When it was made.'),
    next_attempt_at: Nullable(Time('When it may be sent; null while it is being sent, and once it has ended.')),
    ended_at: Nullable(Time('When it was delivered or failed.')),
    last_error: Nullable(Type.String({ description: 'Why the last attempt failed.' })),
    as_of_seq: AsOfSeq,
  },
  { $id: 'Notification' },
);
export type Notification = Static<typeof Notification>;

export const NotificationFilter = {
  state: Type.Optional(Words(NOTIFICATION_STATES, 'Only notifications in this state.')),
  job_id: Type.Optional(Id),
};

export const NotificationTest = Type.Object(
  {
    webhook_url: Type.Optional(
      Type.String({
        maxLength: 2048,
        pattern: '^https?://[^\\s]+$',
        description: 'A URL as in a submission: it gets a body of the type `notification.test`.',
      }),
    ),
    destination: Type.Optional(
      Type.String({ maxLength: 300, description: 'In place of it, the name of a configured destination.' }),
    ),
  },
  { ...closed, $id: 'NotificationTest' },
);
export type NotificationTest = Static<typeof NotificationTest>;

/** The body of a webhook about a job. */
export const JobNotification = Type.Object(
  {
    type: NotificationType,
    timestamp: Time('When the job ended.'),
    data: Type.Object({
      job_id: Id,
      state: Words(['COMPLETED', 'FAILED', 'CANCELLED'], 'How the job ended.'),
      attempt: Count('The last attempt.'),
      s3_path: Type.String({
        description: 'The submitted `audio_url`, without a query string and without `user:password@`.',
      }),
      tags: Tags,
      metadata: Metadata,
      output: JobOutput,
      error: Nullable(JobError),
    }),
  },
  { $id: 'JobNotification', description: 'What a webhook receives when a job ends.' },
);
export type JobNotification = Static<typeof JobNotification>;

/** The body of a webhook about alerts. */
export const AlertsNotification = Type.Object(
  {
    type: NotificationType,
    timestamp: Time('When it was made.'),
    data: Type.Object({
      incident: Type.String({
        description: 'The same from the first message about a group to the one that closes it.',
      }),
      group: Type.Record(Type.String(), Type.String(), { description: 'The labels that its alerts share.' }),
      firing_count: Count('Alerts that fire.'),
      resolved_count: Count('Alerts of the last message that are resolved.'),
      alerts: Type.Array(
        Type.Object({
          id: Type.String(),
          rule: Type.String(),
          status: Words(['firing', 'resolved'], '`firing` or `resolved`.'),
          severity: Severity,
          message: Type.String(),
          description: Nullable(Type.String()),
          runbook_url: Nullable(Type.String()),
          labels: Type.Record(Type.String(), Type.String()),
          fired_at: Time('When it fired.'),
          resolved_at: Nullable(Time('When it was resolved.')),
        }),
        { description: 'The most urgent ones first; at most 100.' },
      ),
    }),
  },
  { $id: 'AlertsNotification', description: 'What a webhook receives about alerts.' },
);
export type AlertsNotification = Static<typeof AlertsNotification>;
