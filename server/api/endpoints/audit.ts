/**
 * The record of who did what, read backwards: from the journal's segments, then from the objects of the audit, which are
 * kept for longer. A page ends when it is full or enough has been read; its cursor leads on in either case.
 */
import { Type } from 'typebox';
import {
  type AuditEntry,
  AuditEntry as AuditEntrySchema,
  AuditQuery,
  AuditVerification,
} from '../../../protocol/audit.ts';
import { MonitorError } from '../../../protocol/errors.ts';
import { parseTime } from '../../../protocol/time.ts';
import { entryOf, SOFT } from '../../audit/entries.ts';
import { auditBefore, entriesBefore } from '../../audit/reading.ts';
import type { ObjectStore } from '../../objects/store.ts';
import type { JournalEvent } from '../../state-machine/events.ts';
import { endpoint } from '../endpoint.ts';
import { PAGE_DEFAULT } from './listing.ts';

/** Segments read for a page, a few at a time: each is a request to a bucket. */
const SEGMENTS_MAX = 500;
const AT_ONCE = 16;
/** Objects of the audit read for a page. */
const OBJECTS_MAX = 100;

export const auditEndpoints = [
  endpoint({
    method: 'GET',
    path: '/audit',
    operation: 'audit.list',
    permission: 'admin',
    summary:
      'List who did what, newest first, as far back as the audit is kept; a page may be empty and have a next one',
    query: AuditQuery,
    responses: {
      200: Type.Object({
        items: Type.Array(AuditEntrySchema),
        next_cursor: Type.Union([Type.String(), Type.Null()]),
      }),
    },
    async run({ engine, store }, { query }) {
      const { limit = PAGE_DEFAULT } = query;
      const matches = matcherOf(query);
      const after_ms = query.after === undefined ? 0 : parseTime(query.after);
      const { state } = engine;
      let { seq, index } = placeOf(query.cursor) ?? { seq: state.seq, index: Number.POSITIVE_INFINITY };
      const last = Math.max(1, seq - SEGMENTS_MAX + 1);
      const items: AuditEntry[] = [];
      while (seq >= last) {
        const numbers = Array.from({ length: Math.min(AT_ONCE, seq - last + 1) }, (_, back) => seq - back);
        const segments = await Promise.all(numbers.map((number) => engine.eventsOf(number)));
        for (const events of segments) {
          // Truncated: what is further back is in the audit.
          if (events === null) return readObjects(store, { query, items, limit, seq, index });
          for (let at = Math.min(index, events.length) - 1; at >= 0; at -= 1) {
            const event = events[at]!;
            if (!matches(event)) continue;
            if (items.length === limit) return { items, next_cursor: `${seq}.${at + 1}` };
            items.push(entryOf(state, events, { seq, index: at }));
          }
          if (events.length > 0 && parseTime(events[0]!.at) < after_ms) return { items, next_cursor: null };
          seq -= 1;
          index = Number.POSITIVE_INFINITY;
        }
      }
      return { items, next_cursor: seq < 1 ? null : `${seq}.-` };
    },
  }),
  endpoint({
    method: 'POST',
    path: '/audit/verify',
    operation: 'audit.verify',
    permission: 'admin',
    summary: 'Walk the hash chain of the journal: finds changed, removed and reordered bytes; reads every segment',
    responses: { 200: AuditVerification },
    async run({ verify }) {
      const findings = await verify();
      return {
        intact: findings.every(({ verdict }) => verdict === 'pass'),
        findings: findings.map(({ check, verdict, says }) => ({ check, verdict, says })),
      };
    },
  }),
];

type Page = { items: AuditEntry[]; next_cursor: string | null };

async function readObjects(
  store: ObjectStore,
  {
    query,
    items,
    limit,
    ...place
  }: { query: AuditQuery; items: AuditEntry[]; limit: number; seq: number; index: number },
): Promise<Page> {
  const matches = matcherOf(query);
  let read = 0;
  const after_date = query.after?.slice(0, 10) ?? null;
  for await (const { key, object } of auditBefore(store, { seq: place.seq, after_date })) {
    if (!object) {
      throw new MonitorError('corrupt', 'audit_damaged', `${key} is damaged`, {
        hint: 'Restore it from a copy of the store.',
        extra: { key },
      });
    }
    for (const entry of entriesBefore(object, place)) {
      if (!matches({ ...entry, type: entry.event as JournalEvent['type'] })) continue;
      if (items.length === limit) return { items, next_cursor: `${entry.seq}.${entry.index + 1}` };
      items.push(entry);
    }
    read += 1;
    const { first_seq } = object.header;
    if (read === OBJECTS_MAX) return { items, next_cursor: first_seq <= 1 ? null : `${first_seq - 1}.-` };
  }
  return { items, next_cursor: null };
}

type Judged = Pick<JournalEvent, 'type' | 'actor' | 'entity' | 'at'>;

function matcherOf({ actor, key_id, event: type, entity, after, before }: AuditQuery): (event: Judged) => boolean {
  const from_ms = after === undefined ? Number.NEGATIVE_INFINITY : parseTime(after);
  const until_ms = before === undefined ? Number.POSITIVE_INFINITY : parseTime(before);
  return (event) => {
    if (type === undefined ? SOFT.has(event.type) : event.type !== type) return false;
    if (actor === undefined ? event.actor === 'monitor' && event.type !== 'JobErased' : event.actor !== actor)
      return false;
    if (key_id !== undefined && event.actor !== `key:${key_id}`) return false;
    if (entity !== undefined && event.entity !== entity) return false;
    const at_ms = parseTime(event.at);
    return at_ms >= from_ms && at_ms < until_ms;
  };
}

/** Everything before this event is left. */
function placeOf(cursor: string | undefined): { seq: number; index: number } | null {
  if (cursor === undefined) return null;
  const [, seq, index] = /^(\d{1,15})\.(-|\d{1,9})$/.exec(cursor) ?? [];
  if (seq !== undefined) return { seq: Number(seq), index: index === '-' ? Number.POSITIVE_INFINITY : Number(index) };
  throw new MonitorError('invalid', 'invalid_cursor', 'the cursor is not from this monitor', {
    hint: "Pass the last page's next_cursor unchanged, or omit it to start from the newest entry.",
  });
}
