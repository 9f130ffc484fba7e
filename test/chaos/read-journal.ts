/** Reads a store's whole journal and checks each link: no segment missing, changed or out of order. */
import { systemClock } from '../../server/clock.ts';
import { readFormat } from '../../server/journal/format.ts';
import { parseSegmentKey, SEGMENTS } from '../../server/journal/keys.ts';
import { decodeSegment, NO_HASH } from '../../server/journal/segment.ts';
import { openStore } from '../../server/objects/open-store.ts';
import type { ObjectStore } from '../../server/objects/store.ts';
import type { JournalEvent } from '../../server/state-machine/events.ts';

/** Every segment in order. Throws unless they form a chain from the first segment on. */
export async function* readSegments(store: ObjectStore): AsyncGenerator<{ seq: number; events: JournalEvent[] }> {
  const format = await readFormat(store);
  if (!format) throw new Error('the store is empty');
  let prev = NO_HASH;
  let next = 1;
  for await (const { key } of store.list(SEGMENTS)) {
    if (parseSegmentKey(key) !== next) throw new Error(`${key} is in the place of segment ${next}`);
    const got = await store.get(key);
    if (!got.found) throw new Error(`${key} is listed but missing`);
    const { header, hash, lines } = decodeSegment(got.bytes, { journal_id: format.journal_id, seq: next });
    if (header.prev !== prev) throw new Error(`${key} does not follow the segment before it`);
    yield { seq: next, events: lines.map((line) => JSON.parse(line) as JournalEvent) };
    prev = hash;
    next += 1;
  }
}

/** Every event in order. */
export async function readJournal(store: ObjectStore): Promise<JournalEvent[]> {
  const all: JournalEvent[] = [];
  for await (const { events } of readSegments(store)) all.push(...events);
  return all;
}

/** Reads a directory even if a monitor has not released it. */
export async function readJournalOf(directory: string): Promise<JournalEvent[]> {
  const store = await openStore(`dir:${directory}`, { clock: systemClock, lock: false });
  try {
    return await readJournal(store);
  } finally {
    await store.close();
  }
}

/** How often an event of this type happened to each entity. */
export function countByEntity(events: readonly JournalEvent[], type: JournalEvent['type']): Map<string, number> {
  const counts = new Map<string, number>();
  for (const event of events) if (event.type === type) counts.set(event.entity, (counts.get(event.entity) ?? 0) + 1);
  return counts;
}
