/** Metrics of this instance's parts: its journal, feed, views and archive, and its cache and external queue if it has them. */
import type { CacheStatus } from '../cache/status.ts';
import type { Settings } from '../config.ts';
import type { Engine } from '../engine.ts';
import type { ExternalQueue } from '../queues/job-queue.ts';
import { byLabel, counter, type Family, gauge } from './family.ts';

export type InstanceParts = {
  engine: Pick<Engine, 'state' | 'journal'>;
  feed: { readonly clients: number };
  views: { readonly backlog: number; readonly behind_ms: number };
  cache: { readonly status: CacheStatus } | null;
  queue: Pick<ExternalQueue, 'problem' | 'not_understood' | 'figures'> | null;
  settings: Pick<Settings, 'finished_window_ms'>;
};

export async function instanceFamilies(parts: InstanceParts): Promise<Family[]> {
  const { feed, views, cache, queue } = parts;
  return [
    ...journal(parts),
    gauge('feed_clients', 'Connections that follow the feed', feed.clients),
    gauge('views_pending', 'Views whose current state is not written yet', views.backlog),
    gauge('views_behind_seconds', 'How late the view that is due longest is', views.behind_ms / 1000),
    ...archive(parts),
    ...(cache ? cacheFamilies(cache.status) : []),
    ...(queue ? await queueFamilies(queue) : []),
  ];
}

function journal({ engine }: InstanceParts): Family[] {
  const { writable, clock_offset_ms, halted } = engine.journal.status;
  return [
    gauge('journal_seq', 'Last segment applied', engine.state.seq),
    gauge('journal_writable', '1 while the store accepts writes', writable ? 1 : 0),
    gauge('journal_halted', '1 if the journal is damaged and the monitor only reads', halted ? 1 : 0),
    gauge('journal_clock_offset_seconds', "Log time ahead of the machine's clock", clock_offset_ms / 1000),
    gauge(
      'journal_unread_seconds',
      'How long other instances may have written unread; 0 on a store of its own',
      Math.min(engine.journal.unread_ms, Number.MAX_SAFE_INTEGER) / 1000,
    ),
  ];
}

function archive({ engine, settings }: InstanceParts): Family[] {
  const { finished, jobs, packs } = engine.state.tables;
  const first = finished.minKey();
  const oldest = first === undefined ? undefined : jobs.get(finished.get(first)!);
  const due_ms = oldest ? (oldest.completed_ms ?? 0) + settings.finished_window_ms : Number.POSITIVE_INFINITY;
  const behind_ms = Math.max(0, engine.journal.now() - due_ms);
  return [
    gauge('archive_behind_seconds', 'How long the oldest finished job should have left memory', behind_ms / 1000),
    gauge('archive_packs', 'Packs in the archive', packs.size),
  ];
}

function cacheFamilies({ up, pending, written, superseded, failures }: CacheStatus): Family[] {
  return [
    gauge('cache_up', '1 while Redis takes jobs', up ? 1 : 0),
    gauge('cache_pending_jobs', 'Jobs whose change is not in Redis yet', pending),
    counter('cache_writes_total', 'Jobs written to Redis or removed from it', written),
    counter('cache_superseded_total', 'Writes that Redis ignored because it has a newer document', superseded),
    counter('cache_failures_total', 'Failed attempts to reach Redis or to write', failures),
  ];
}

async function queueFamilies(queue: NonNullable<InstanceParts['queue']>): Promise<Family[]> {
  const { figures } = await queue.figures();
  const messages = figures
    ? ([
        ['visible', figures.messages_visible],
        ['inflight', figures.messages_inflight],
        ['delayed', figures.messages_delayed],
      ] as const)
    : [];
  return [
    gauge('sqs_up', '1 while the queue works', queue.problem === null ? 1 : 0),
    gauge(
      'sqs_messages',
      'Messages in the queue as SQS counts them, at most 10 s old; no value while they cannot be read',
      byLabel('state', messages),
    ),
    counter(
      'sqs_messages_not_understood_total',
      "Messages that are neither the monitor's nor valid submissions or events",
      queue.not_understood,
    ),
  ];
}
