/** Events as entries of the audit, and which of them are kept for longer than the journal. */
import type { AuditEntry } from '../../protocol/audit.ts';
import type { JournalEvent } from '../state-machine/events.ts';
import type { State } from '../state-machine/state/state.ts';

/** Frequent, and no more than a sign of life. */
export const SOFT: ReadonlySet<JournalEvent['type']> = new Set(['JobProgressed', 'WorkerBeat', 'PassUsed']);

/** What workers and sources do all day: their jobs, rather than decisions of somebody. */
const WORK: ReadonlySet<JournalEvent['type']> = new Set([
  ...SOFT,
  'JobDelayOver',
  'JobMessaged',
  'JobAssigned',
  'JobCompleted',
  'JobAttemptFailed',
  'JobFailed',
  'JobObserved',
  'JobJudged',
  'WorkerStatusChanged',
  'NoticesClaimed',
  'NoticesReleased',
  'NoticeDelivered',
  'NoticeFailed',
]);

/** The monitor's own doing that is kept: what its rules erased. */
const OWN: ReadonlySet<JournalEvent['type']> = new Set(['JobErased']);

/** The entries of a segment that are kept. No entry has a personal field of a job. */
export function keptEntries(state: State, seq: number, events: readonly JournalEvent[]): AuditEntry[] {
  const kept: AuditEntry[] = [];
  for (const [index, event] of events.entries()) {
    if (event.actor === 'monitor' ? !OWN.has(event.type) : WORK.has(event.type)) continue;
    // A job enters the queue by what happened to it just before, unless somebody put it there.
    if (event.type === 'JobQueued' && events[index - 1]?.entity === event.entity) continue;
    kept.push(entryOf(state, events, { seq, index }));
  }
  return kept;
}

export function entryOf(
  state: State,
  events: readonly JournalEvent[],
  { seq, index }: { seq: number; index: number },
): AuditEntry {
  const { at, actor, type, entity, id } = events[index]!;
  // The first event of a command has its origin.
  const command = commandOf(id);
  const origin = events.find((event) => event.origin !== undefined && commandOf(event.id) === command)?.origin;
  const key_id = /^key:(\w+)$/.exec(actor)?.[1] ?? null;
  return {
    seq,
    index,
    at,
    actor,
    key_id,
    key_name: key_id === null ? null : (state.tables.keys.get(key_id)?.name ?? null),
    event: type,
    entity,
    request_id: origin?.request_id ?? null,
    address: origin?.address ?? null,
  };
}

const commandOf = (id: string): string => id.slice(0, id.lastIndexOf('/'));
