/**
 * Decisions about notices: which are sent now, what becomes of one whose delivery failed, and which are forgotten.
 *
 * Each notice is tried again at growing intervals. Once a destination has failed several times in a row nothing is sent to it
 * for a while, and then one notice as a probe: a receiver that is down for a day costs a few hundred events, not one for each
 * notice and hour.
 */
import { backoff } from '../../backoff.ts';
import type { Event } from '../events.ts';
import { dueAt, endedKey } from '../state/notice-indexes.ts';
import { ended, type NoticeRecord, TROUBLE_FAILURES, toNotifier } from '../state/notices.ts';
import type { State } from '../state/state.ts';
import type { CommandBody } from './commands.ts';
import { type Context, type Decision, refuse } from './decision.ts';

const NOTHING: Decision = { events: [] };

/** Notices of one destination that are sent at once. */
const AT_ONCE_MAX = 8;
/** The longest that nothing is sent to a destination. */
const BLOCKED_MAX_MS = 600_000;
const FORGET_MAX = 1_000;

/** Ids of notices that may be sent now, at most `max`. `busy`: how many each destination is being sent by this sender. */
export function dueNotices(
  state: State,
  at_ms: number,
  { max, busy }: { max: number; busy: ReadonlyMap<string, number> },
): string[] {
  const { destinations_due, notices, troubles } = state.tables;
  const ids: string[] = [];
  for (const [due, destination] of destinations_due.entries()) {
    if (timeOf(due) > at_ms) break;
    let room = (isTroubled(troubles.get(destination)) ? 1 : AT_ONCE_MAX) - (busy.get(destination) ?? 0);
    for (const id of dueAt(state.tables, destination)) {
      if (ids.length === max) return ids;
      if (room <= 0 || notices.get(id)!.next_ms! > at_ms) break;
      room -= 1;
      ids.push(id);
    }
  }
  return ids;
}

const timeOf = (key: string): number => Number.parseInt(key.split('|', 1)[0]!, 36);

/** When the next notice may be sent; null if none waits. */
export function nextNoticeDue(state: State): number | null {
  const first = state.tables.destinations_due.minKey();
  return first === undefined ? null : timeOf(first);
}

const isTroubled = (trouble: { failures: number } | undefined): boolean => (trouble?.failures ?? 0) >= TROUBLE_FAILURES;

/** Those of the notices that are still due; the ones that have waited for too long have failed. */
export function claimNotices(state: State, body: CommandBody & { type: 'claim_notices' }, context: Context): Decision {
  const { at_ms, policy } = context;
  const events: Event[] = [];
  const notice_ids: string[] = [];
  for (const id of body.notice_ids) {
    const notice = state.tables.notices.get(id);
    if (!notice || notice.next_ms === null || notice.next_ms > at_ms) continue;
    if (at_ms - notice.begun_ms >= policy.notice_give_up_ms) events.push(gaveUp(state, notice));
    else notice_ids.push(id);
  }
  if (notice_ids.length === 0) return { events };
  const data = { notice_ids, by: body.by, until_ms: at_ms + policy.notice_claim_ms };
  return { events: [...events, { type: 'NoticesClaimed', entity: 'notices', data }] };
}

function gaveUp(state: State, { id, last_error, destination }: NoticeRecord): Event {
  const { blocked_until_ms = null, last_error: trouble } = state.tables.troubles.get(destination) ?? {};
  const error = last_error ?? trouble ?? 'it was not sent in time';
  return { type: 'NoticeFailed', entity: id, data: { error, next_ms: null, unreachable: false, blocked_until_ms } };
}

/** By a sender that starts and knows that no other is alive: what others had claimed may be sent at once. */
export function releaseNotices(state: State, { by }: CommandBody & { type: 'release_notices' }): Decision {
  const notice_ids: string[] = [];
  for (const { id, state: now, claimed_by } of state.tables.notices.values()) {
    if (now === 'sending' && claimed_by !== by) notice_ids.push(id);
  }
  return notice_ids.length === 0
    ? NOTHING
    : { events: [{ type: 'NoticesReleased', entity: 'notices', data: { notice_ids } }] };
}

/** Counts even if the claim was over: it has been delivered. */
export function deliverNotice(state: State, { notice_id }: CommandBody & { type: 'deliver_notice' }): Decision {
  const notice = state.tables.notices.get(notice_id);
  if (!notice || notice.state === 'delivered') return NOTHING;
  return { events: [{ type: 'NoticeDelivered', entity: notice_id, data: {} }] };
}

/** Without effect if another sender has claimed it since, or it was delivered. */
export function failNotice(state: State, body: CommandBody & { type: 'fail_notice' }, context: Context): Decision {
  const { notice_id, by, error, permanent, retry_after_ms, jitter } = body;
  const { at_ms, policy } = context;
  const notice = state.tables.notices.get(notice_id);
  if (!notice || ended(notice) || notice.claimed_by !== by) return NOTHING;
  const options = { base_ms: policy.notice_retry_base_ms, max_ms: policy.notice_retry_max_ms };
  const wait_ms = Math.max(retry_after_ms ?? 0, Math.round(backoff(notice.attempts - 1, options) * jitter));
  const over = permanent || at_ms + wait_ms - notice.begun_ms >= policy.notice_give_up_ms;
  const failures = (state.tables.troubles.get(notice.destination)?.failures ?? 0) + 1;
  const blocked_ms = backoff(failures - TROUBLE_FAILURES, { ...options, max_ms: BLOCKED_MAX_MS }) * jitter;
  const blocked_until_ms =
    failures < TROUBLE_FAILURES ? null : at_ms + Math.max(retry_after_ms ?? 0, Math.round(blocked_ms));
  const next_ms = over ? null : at_ms + wait_ms;
  // A webhook that refuses one notice for good says nothing about the others of its origin; a notifier does.
  const unreachable = body.unreachable || toNotifier(notice);
  const data = { error: error.slice(0, ERROR_MAX), next_ms, unreachable, blocked_until_ms };
  return { events: [{ type: 'NoticeFailed', entity: notice_id, data }] };
}

const ERROR_MAX = 500;

export function replayNotice(state: State, { notice_id }: CommandBody & { type: 'replay_notice' }): Decision {
  const notice = state.tables.notices.get(notice_id);
  if (!notice) {
    return refuse('not_found', 'notification_not_found', `there is no notification ${notice_id}`, {
      hint: 'Those that have ended are kept for a day; GET /api/v1/system/notifications lists them.',
    });
  }
  // One that waits is sent at once.
  return { events: notice.state === 'sending' ? [] : [{ type: 'NoticeReplayed', entity: notice_id, data: {} }] };
}

export function requestNotices(state: State, { notices }: CommandBody & { type: 'request_notices' }): Decision {
  const events = notices
    .filter(({ notice_id }) => !state.tables.notices.has(notice_id))
    .map(({ notice_id, destination, url }): Event => {
      return { type: 'NoticeRequested', entity: notice_id, data: { destination, content: { kind: 'test', url } } };
    });
  return { events };
}

/** Those that ended long ago, or are too many. */
export function forgetNoticesEvents(state: State, { at_ms, policy }: Context): Event[] {
  const { notices_ended } = state.tables;
  const oldest = endedKey(Math.max(0, at_ms - policy.notices_window_ms), '');
  let excess = notices_ended.size - policy.notices_max;
  let through: string | undefined;
  let handled = 0;
  for (const key of notices_ended.keys()) {
    if ((excess <= 0 && key > oldest) || handled === FORGET_MAX) break;
    through = key;
    excess -= 1;
    handled += 1;
  }
  return through === undefined ? [] : [{ type: 'NoticesForgotten', entity: 'notices', data: { through } }];
}
