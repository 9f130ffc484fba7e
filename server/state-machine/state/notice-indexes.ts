/**
 * The indexes of notices: what is due at each destination, so that one that does not receive holds up no other; what has ended,
 * so that it can be forgotten; and the order of creation, for lists.
 */
import type { SortedMap } from '../../sorted-map.ts';
import { pad } from './job-indexes.ts';
import type { DestinationTrouble, NoticeRecord } from './notices.ts';

export type NoticeIndexes = {
  /** `destination\nnext_ms|id` → id, of notices that have not ended. */
  notices_due: SortedMap<string, string>;
  /** `due_ms|destination` → destination, for each with notices that have not ended. */
  destinations_due: SortedMap<string, string>;
  /** Destination → number of its notices that have not ended. */
  notices_waiting: SortedMap<string, number>;
  /** `ended_ms|id` → id. */
  notices_ended: SortedMap<string, string>;
  notices_by_creation: SortedMap<number, string>;
};

type Tables = NoticeIndexes & { troubles: SortedMap<string, DestinationTrouble> };

export function indexNotice(tables: Tables, last: NoticeRecord | undefined, next: NoticeRecord | undefined): void {
  const { notices_due, notices_ended, notices_by_creation } = tables;
  const { id, ordinal, destination } = (next ?? last)!;
  if (!last) notices_by_creation.set(ordinal, id);
  if (!next) notices_by_creation.delete(ordinal);
  if (last?.next_ms !== next?.next_ms) {
    const before_ms = dueOf(tables, destination);
    if (typeof last?.next_ms === 'number') notices_due.delete(dueKey(destination, last.next_ms, id));
    if (typeof next?.next_ms === 'number') notices_due.set(dueKey(destination, next.next_ms, id), id);
    count(tables, destination, Number(typeof next?.next_ms === 'number') - Number(typeof last?.next_ms === 'number'));
    moveDestination(tables, destination, before_ms);
  }
  if (last?.ended_ms !== next?.ended_ms) {
    if (typeof last?.ended_ms === 'number') notices_ended.delete(endedKey(last.ended_ms, id));
    if (typeof next?.ended_ms === 'number') notices_ended.set(endedKey(next.ended_ms, id), id);
  }
}

/** Sets or removes the trouble of a destination, which decides when its notices are due. */
export function indexTrouble(tables: Tables, destination: string, next: DestinationTrouble | undefined): void {
  const before_ms = dueOf(tables, destination);
  if (next) tables.troubles.set(destination, next);
  else tables.troubles.delete(destination);
  moveDestination(tables, destination, before_ms);
}

export const endedKey = (ended_ms: number, id: string): string => `${pad(ended_ms)}|${id}`;

/** Ids of a destination's notices that have not ended, the first that are due first. */
export function* dueAt({ notices_due }: NoticeIndexes, destination: string): Generator<string> {
  for (const [key, id] of notices_due.entries(`${destination}\n`)) {
    if (!key.startsWith(`${destination}\n`)) return;
    yield id;
  }
}

const dueKey = (destination: string, next_ms: number, id: string): string => `${destination}\n${pad(next_ms)}|${id}`;

/** When the first notice of the destination is due; null if none waits. */
function dueOf({ notices_due, troubles }: Tables, destination: string): number | null {
  const [first] = notices_due.keys(`${destination}\n`);
  if (first === undefined || !first.startsWith(`${destination}\n`)) return null;
  const next_ms = Number.parseInt(first.slice(destination.length + 1).split('|', 1)[0]!, 36);
  return Math.max(next_ms, troubles.get(destination)?.blocked_until_ms ?? 0);
}

function count({ notices_waiting }: Tables, destination: string, more: number): void {
  if (more === 0) return;
  const waiting = (notices_waiting.get(destination) ?? 0) + more;
  if (waiting === 0) notices_waiting.delete(destination);
  else notices_waiting.set(destination, waiting);
}

function moveDestination(tables: Tables, destination: string, before_ms: number | null): void {
  const due_ms = dueOf(tables, destination);
  if (due_ms === before_ms) return;
  if (before_ms !== null) tables.destinations_due.delete(`${pad(before_ms)}|${destination}`);
  if (due_ms !== null) tables.destinations_due.set(`${pad(due_ms)}|${destination}`, destination);
}
