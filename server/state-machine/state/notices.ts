/**
 * Notices: messages to somebody outside, each with the state of its delivery, and the trouble of their destinations. A
 * notice waits, is claimed by a sender and sent, and ends delivered or failed; one whose sender is gone is claimed again
 * when the claim is over, and sent under the same id.
 */
import type { Labels } from '../../../protocol/alert-labels.ts';
import type { JobEnd } from '../../../protocol/job.ts';
import type { AlertRecord, AttemptError, JobRecord, OutputRecord } from './records.ts';
import type { State } from './state.ts';

export type NoticeRecord = {
  /** The `webhook-id`: of a job's end, it follows from the events alone. */
  id: string;
  /** Order of creation, which is the order of lists. */
  ordinal: number;
  version: number;
  /** Whom it goes to: the name of a notifier, or the origin of a job's `webhook_url`. */
  destination: string;
  content: NoticeContent;
  created_ms: number;
  state: 'waiting' | 'sending' | 'delivered' | 'failed';
  /** Deliveries begun since it was created, or replayed. */
  attempts: number;
  /** When it may be sent; while it is being sent, when its claim is over; null once it has ended. */
  next_ms: number | null;
  /** Who sends it, while it is being sent. */
  claimed_by: string | null;
  /** From when on the time until giving up counts: its creation, or its last replay. */
  begun_ms: number;
  ended_ms: number | null;
  last_error: string | null;
};

export type NoticeContent =
  | { kind: 'job'; url: string; end: JobEnd; job: EndedJob }
  /** By request, to try a destination. `url`: of a webhook as jobs have; null: `destination` is a notifier. */
  | { kind: 'test'; url: string | null }
  | AlertsContent;

/** About a group of alerts. */
export type AlertsContent = {
  kind: 'alerts';
  url: null;
  /** The id of the first message about the group since it last was over. */
  incident: string;
  labels: Labels;
  at_ms: number;
  /** Some of its alerts are not resolved. */
  open: boolean;
  firing: number;
  resolved: number;
  /** The most urgent ones first, the resolved ones last; at most LINES_MAX. */
  lines: readonly AlertLine[];
};

export type AlertLine = Pick<
  AlertRecord,
  'id' | 'rule' | 'severity' | 'message' | 'description' | 'runbook_url' | 'labels' | 'resolved_ms'
> & { fired_ms: number };

export const LINES_MAX = 100;

/** What a destination was last notified of, until all of it is resolved. */
export type AlertGroup = {
  key: string;
  destination: string;
  labels: Labels;
  incident: string;
  /** Fingerprint and id of each unresolved alert that it was notified of. */
  notified: readonly (readonly [fingerprint: string, alert_id: string])[];
  last_ms: number;
};

/** What is said of a job that ended. */
export type EndedJob = Pick<JobRecord, 'job_id' | 'audio_url' | 'tags' | 'metadata' | 'attempt'> & {
  ended_ms: number;
  output: OutputRecord | null;
  error: AttemptError | null;
};

/** A destination that does not receive, or whose notices were too many. */
export type DestinationTrouble = {
  destination: string;
  /** For a notifier of the owner; otherwise the webhook of a job. */
  notifier: boolean;
  /** Consecutive failures of any of its notices. */
  failures: number;
  /** When the first of them was. */
  since_ms: number;
  /** Nothing is sent before; then one notice as a probe. Null while there are few failures. */
  blocked_until_ms: number | null;
  last_error: string;
  /** Notices that were not kept because too many waited, since the last one was delivered. */
  dropped: number;
};

/** So many consecutive failures are trouble of the destination, not of one notice. */
export const TROUBLE_FAILURES = 3;

/** Waiting notices of one destination, and of all. Further ones are counted, not kept. */
export const WAITING_MAX = 10_000;
export const WAITING_IN_ALL_MAX = 100_000;

/** Adds a notice to be sent. If too many wait it is not kept, and counted as trouble of its destination. */
export function addNotice(
  state: State,
  { id, destination, content }: Pick<NoticeRecord, 'id' | 'destination' | 'content'>,
): void {
  if (state.tables.notices.has(id)) return;
  const { notices_waiting, notices_ended, notices } = state.tables;
  const waiting = notices_waiting.get(destination) ?? 0;
  if (waiting >= WAITING_MAX || notices.size - notices_ended.size >= WAITING_IN_ALL_MAX) {
    const last = state.tables.troubles.get(destination) ?? noTrouble(state, destination, content.url === null);
    return state.putTrouble({ ...last, dropped: last.dropped + 1 });
  }
  state.putNotice({
    id,
    ordinal: state.nextOrdinal(),
    version: state.seq,
    destination,
    content,
    created_ms: state.at_ms,
    state: 'waiting',
    attempts: 0,
    next_ms: state.at_ms,
    claimed_by: null,
    begun_ms: state.at_ms,
    ended_ms: null,
    last_error: null,
  });
}

export function noTrouble(state: State, destination: string, notifier: boolean): DestinationTrouble {
  return {
    destination,
    notifier,
    failures: 0,
    since_ms: state.at_ms,
    blocked_until_ms: null,
    last_error: '',
    dropped: 0,
  };
}

/** Begins the ids of the notices about a job. */
export const noticePrefix = (job_id: string): string => `${job_id.slice(0, 44)}-`;

/** Whether the notice goes to a notifier of the owner. */
export const toNotifier = ({ content }: NoticeRecord): boolean => content.url === null;

export const ended = ({ state }: NoticeRecord): boolean => state === 'delivered' || state === 'failed';

/** Destinations that receive nothing, or too little. What an alert can be made of. */
export function* failingDestinations(state: State): Generator<DestinationTrouble> {
  for (const trouble of state.tables.troubles.values()) {
    if (trouble.failures >= TROUBLE_FAILURES || trouble.dropped > 0) yield trouble;
  }
}
