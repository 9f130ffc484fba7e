/** Applies events to notices. The end of a job with a webhook makes one by itself. */
import type { Event, NoticeEvent } from '../events.ts';
import { addNotice, ended, type NoticeRecord, noTrouble, noticePrefix, toNotifier } from '../state/notices.ts';
import { finished, type JobRecord } from '../state/records.ts';
import type { State } from '../state/state.ts';
import { countBy } from '../state/tallies.ts';

export function applyNoticeEvent(state: State, event: NoticeEvent): void {
  switch (event.type) {
    case 'NoticesClaimed': {
      const { notice_ids, by, until_ms } = event.data;
      for (const notice of known(state, notice_ids)) {
        if (ended(notice)) continue;
        const attempts = notice.attempts + 1;
        put(state, notice, { state: 'sending', attempts, next_ms: until_ms, claimed_by: by });
      }
      return;
    }
    case 'NoticesReleased':
      for (const notice of known(state, event.data.notice_ids)) {
        if (notice.state === 'sending')
          put(state, notice, { state: 'waiting', next_ms: state.at_ms, claimed_by: null });
      }
      return;
    case 'NoticeRequested':
      return addNotice(state, { id: event.entity, ...event.data });
    case 'NoticesForgotten':
      state.forgetNotices(event.data.through);
      return;
    case 'AlertsNotified':
      return notifyGroup(state, event);
    case 'AlertGroupEnded':
      state.tables.alert_groups.delete(event.entity);
      return;
  }
  const notice = state.tables.notices.get(event.entity);
  if (!notice) return;
  switch (event.type) {
    case 'NoticeDelivered':
      if (notice.state === 'delivered') return;
      countBy(state, 'notices_ended', 'delivered');
      put(state, notice, {
        state: 'delivered',
        next_ms: null,
        claimed_by: null,
        ended_ms: state.at_ms,
        last_error: null,
      });
      return state.removeTrouble(notice.destination);
    case 'NoticeFailed':
      return fail(state, notice, event.data);
    case 'NoticeReplayed': {
      const begun = { attempts: 0, begun_ms: state.at_ms, next_ms: state.at_ms };
      put(state, notice, { state: 'waiting', claimed_by: null, ended_ms: null, ...begun });
      return;
    }
  }
}

function notifyGroup(state: State, { entity, data }: NoticeEvent & { type: 'AlertsNotified' }): void {
  const { group: key, destination, labels, notified, content } = data;
  addNotice(state, { id: entity, destination, content });
  const { alert_groups } = state.tables;
  if (notified.length === 0) alert_groups.delete(key);
  else
    alert_groups.set(key, { key, destination, labels, incident: content.incident, notified, last_ms: content.at_ms });
}

function fail(state: State, notice: NoticeRecord, { error, next_ms, unreachable, blocked_until_ms }: Failure): void {
  if (ended(notice)) return;
  const end =
    next_ms === null ? ({ state: 'failed', ended_ms: state.at_ms } as const) : ({ state: 'waiting' } as const);
  if (end.state === 'failed') countBy(state, 'notices_ended', 'failed');
  put(state, notice, { ...end, next_ms, claimed_by: null, last_error: error });
  const { destination } = notice;
  const notifier = toNotifier(notice);
  if (unreachable) {
    const last = state.tables.troubles.get(destination) ?? noTrouble(state, destination, notifier);
    state.putTrouble({ ...last, failures: last.failures + 1, blocked_until_ms, last_error: error });
  }
  // The owner's notifiers are few; webhooks of jobs can be any number.
  if (!notifier && !state.tables.notices_waiting.has(destination)) state.removeTrouble(destination);
}

type Failure = (NoticeEvent & { type: 'NoticeFailed' })['data'];

function* known(state: State, ids: readonly string[]): Generator<NoticeRecord> {
  for (const id of ids) {
    const notice = state.tables.notices.get(id);
    if (notice) yield notice;
  }
}

function put(state: State, notice: NoticeRecord, changes: Partial<NoticeRecord>): void {
  state.putNotice({ ...notice, ...changes, version: state.seq });
}

/** Events that may end a job. */
export function mayEndJob({ type }: Event): boolean {
  return type === 'JobCompleted' || type === 'JobFailed' || type === 'JobCancelled' || type === 'JobObserved';
}

/** Makes the notice of a job's end. `before`: the job before the event. */
export function noteEnd(state: State, before: JobRecord | undefined, job: JobRecord | undefined): void {
  if (!job || job.webhook_url === null || job.completed_ms === null) return;
  if (!finished(job.state) || (before && finished(before.state))) return;
  const end = ENDS[job.state as keyof typeof ENDS];
  if (job.webhook_events && !job.webhook_events.includes(end)) return;
  const { job_id, audio_url, tags, attempt, completed_ms: ended_ms, output, webhook_url: url } = job;
  const metadata = job.metadata ?? null;
  const error = end === 'failed' ? job.last_error : null;
  addNotice(state, {
    // Unique beyond this store, since the id of the job is. An id of a webhook has no dot; neither has that of a job.
    id: `${noticePrefix(job_id)}${end}-${(state.scalars.next_ordinal + 1).toString(36)}`,
    destination: originOf(url),
    content: { kind: 'job', url, end, job: { job_id, audio_url, tags, metadata, attempt, ended_ms, output, error } },
  });
}

const ENDS = { COMPLETED: 'completed', FAILED: 'failed', CANCELLED: 'cancelled' } as const;

/** Scheme, host and port, without the URL parser, which may differ between versions of Node. */
export function originOf(url: string): string {
  const [, scheme, host] = /^(https?:\/\/)(?:[^/?#\\@]*@)?([^/?#\\\s]*)/i.exec(url) ?? [];
  return scheme === undefined ? url.slice(0, 200) : `${scheme}${host}`.toLowerCase();
}
