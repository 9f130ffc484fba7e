/**
 * The record of who did what: read backwards from the journal's segments, which hold it as long as they are kept. A page
 * ends when it is full or enough segments have been read; its cursor leads on in either case.
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
import type { JournalEvent } from '../../state-machine/events.ts';
import type { State } from '../../state-machine/state/state.ts';
import { endpoint } from '../endpoint.ts';
import { PAGE_DEFAULT } from './listing.ts';

/** Segments read for a page, a few at a time: each is a request to a bucket. */
const SEGMENTS_MAX = 500;
const AT_ONCE = 16;

export const auditEndpoints = [
  endpoint({
    method: 'GET',
    path: '/audit',
    operation: 'audit.list',
    permission: 'admin',
    summary:
      'List who did what, newest first, as far back as the journal is kept; a page may be empty and have a next one',
    query: AuditQuery,
    responses: {
      200: Type.Object({
        items: Type.Array(AuditEntrySchema),
        next_cursor: Type.Union([Type.String(), Type.Null()]),
      }),
    },
    async run({ engine }, { query }) {
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
          // Truncated: there is nothing further back.
          if (events === null) return { items, next_cursor: null };
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

/** Frequent, and no more than a sign of life. */
const SOFT: ReadonlySet<JournalEvent['type']> = new Set(['JobProgressed', 'WorkerBeat']);

function matcherOf({
  actor,
  key_id,
  event: type,
  entity,
  after,
  before,
}: AuditQuery): (event: JournalEvent) => boolean {
  const from_ms = after === undefined ? Number.NEGATIVE_INFINITY : parseTime(after);
  const until_ms = before === undefined ? Number.POSITIVE_INFINITY : parseTime(before);
  return (event) => {
    if (type === undefined ? SOFT.has(event.type) : event.type !== type) return false;
    if (actor === undefined ? event.actor === 'monitor' : event.actor !== actor) return false;
    if (key_id !== undefined && event.actor !== `key:${key_id}`) return false;
    if (entity !== undefined && event.entity !== entity) return false;
    const at_ms = parseTime(event.at);
    return at_ms >= from_ms && at_ms < until_ms;
  };
}

function entryOf(
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

/** Everything before this event is left. */
function placeOf(cursor: string | undefined): { seq: number; index: number } | null {
  if (cursor === undefined) return null;
  const [, seq, index] = /^(\d{1,15})\.(-|\d{1,9})$/.exec(cursor) ?? [];
  if (seq !== undefined) return { seq: Number(seq), index: index === '-' ? Number.POSITIVE_INFINITY : Number(index) };
  throw new MonitorError('invalid', 'invalid_cursor', 'the cursor is not from this monitor', {
    hint: "Pass the last page's next_cursor unchanged, or omit it to start from the newest entry.",
  });
}
