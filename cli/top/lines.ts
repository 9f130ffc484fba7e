/** `tmon top` in a pipe: one line per change. */
import type { FeedEvent, JobChanged, JobNow, QueueNow } from '../../protocol/feed-messages.ts';
import { oneLine } from '../output.ts';

/** No lines for an empty first message. */
export function lineOf(event: FeedEvent): string[] {
  return columnsOf(event).map((words) =>
    oneLine(words.filter((word) => word !== null && word !== undefined).join(' ')),
  );
}

type Words = (string | null | undefined)[];

function columnsOf(event: FeedEvent): Words[] {
  switch (event.resource) {
    case 'job':
      // It comes again when it is in the journal.
      return event.type === 'progress' ? [] : [jobWords(event)];
    case 'jobs':
      return event.items.map(jobWords);
    case 'worker':
      if (event.type !== 'update') return [];
      return [['worker', event.worker_id, event.state, event.health?.status, event.reason]];
    case 'workers':
      return event.items.map(({ worker_id, state, health }) => ['worker', worker_id, state, health.status]);
    case 'alert':
      return [['alert', event.alert_id, event.severity, event.message ?? `resolved by ${event.resolved_by}`]];
    case 'alerts':
      return event.items.map(({ id, severity, message }) => ['alert', id, severity, message]);
    case 'queue':
      return [queueWords(event)];
    case 'system':
      return [['system', event.overall_status, `${event.metrics.throughput_jobs_per_hour} done in the last hour`]];
  }
}

function jobWords({ job_id, state, percentage, stage, worker_id, details }: JobNow | JobChanged): Words {
  const running = state === 'PROCESSING' || state === 'CANCELLING';
  const done = running && percentage !== null ? `${Math.floor(percentage)}%` : null;
  return ['job', job_id, state, done, running ? stage : null, worker_id, state === 'FAILED' ? details : null];
}

function queueWords({ messages_visible, messages_inflight, messages_delayed }: QueueNow): Words {
  return ['queue', `${messages_visible} waiting`, `${messages_inflight} running`, `${messages_delayed} delayed`];
}
