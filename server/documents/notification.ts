/** Notices as users and receivers see them: the delivery log, and the body of a webhook. */
import { shownUrl } from '../../notifiers/http/shown-url.ts';
import type { JobEnd } from '../../protocol/job.ts';
import type {
  AlertsNotification,
  JobNotification,
  Notification,
  NotificationType,
} from '../../protocol/notification.ts';
import { formatTime } from '../../protocol/time.ts';
import type { AlertsContent, NoticeContent, NoticeRecord } from '../state-machine/state/notices.ts';
import { time } from './figures.ts';
import { errorDocument, outputDocument, withoutCredentials } from './job.ts';

export function notificationDocument(notice: NoticeRecord): Notification {
  const { content } = notice;
  return {
    id: notice.id,
    type: typeOf(content),
    destination: shownDestination(notice),
    job_id: content.kind === 'job' ? content.job.job_id : null,
    state: notice.state,
    attempts: notice.attempts,
    created_at: formatTime(notice.created_ms),
    next_attempt_at: notice.state === 'waiting' ? time(notice.next_ms) : null,
    ended_at: time(notice.ended_ms),
    last_error: notice.last_error,
    as_of_seq: notice.version,
  };
}

/** Equal for each attempt, whatever has become of the job or the alerts since. */
export function webhookBody({
  content,
  created_ms,
}: NoticeRecord): JobNotification | AlertsNotification | Record<string, unknown> {
  switch (content.kind) {
    case 'job':
      return jobBody(content);
    case 'alerts':
      return alertsBody(content);
    case 'test':
      return { type: typeOf(content), timestamp: formatTime(created_ms), data: {} };
  }
}

function jobBody(content: NoticeContent & { kind: 'job' }): JobNotification {
  const { job, end } = content;
  return {
    type: typeOf(content),
    timestamp: formatTime(job.ended_ms),
    data: {
      job_id: job.job_id,
      state: STATES[end],
      attempt: job.attempt,
      s3_path: withoutCredentials(job.audio_url),
      tags: [...job.tags],
      metadata: { ...job.metadata },
      output: outputDocument(job.output),
      error: job.error && errorDocument(job.error),
    },
  };
}

function alertsBody(content: AlertsContent): AlertsNotification {
  return {
    type: typeOf(content),
    timestamp: formatTime(content.at_ms),
    data: {
      incident: content.incident,
      group: { ...content.labels },
      firing_count: content.firing,
      resolved_count: content.resolved,
      alerts: content.lines.map(({ fired_ms, resolved_ms, labels, ...line }) => ({
        ...line,
        status: resolved_ms === null ? 'firing' : 'resolved',
        labels: { ...labels },
        fired_at: formatTime(fired_ms),
        resolved_at: time(resolved_ms),
      })),
    },
  };
}

function typeOf(content: NoticeContent): NotificationType {
  switch (content.kind) {
    case 'job':
      return `job.${content.end}`;
    case 'alerts':
      return content.open ? 'alerts.firing' : 'alerts.resolved';
    case 'test':
      return 'notification.test';
  }
}

function shownDestination({ destination, content }: NoticeRecord): string {
  return content.url !== null && URL.canParse(content.url) ? shownUrl(content.url) : destination;
}

const STATES = { completed: 'COMPLETED', failed: 'FAILED', cancelled: 'CANCELLED' } as const satisfies Record<
  JobEnd,
  string
>;
