/** A directory's whole journal, checked link by link: no segment missing, changed or out of order. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSegmentKey } from '../../server/journal/keys.ts';
import { decodeSegment, NO_HASH } from '../../server/journal/segment.ts';
import type { JournalEvent } from '../../server/state-machine/events.ts';

/** Every event in order. Throws on what is no chain from the first segment on. */
export function readJournal(directory: string): JournalEvent[] {
  const { journal_id } = JSON.parse(readFileSync(join(directory, 'meta/format.json'), 'utf8')) as {
    journal_id: string;
  };
  const files = readdirSync(join(directory, 'journal')).sort();
  const events: JournalEvent[] = [];
  let prev = NO_HASH;
  for (const [at, file] of files.entries()) {
    const seq = parseSegmentKey(`journal/${file}`);
    if (seq !== at + 1) throw new Error(`${file} stands where segment ${at + 1} should be`);
    const segment = decodeSegment(readFileSync(join(directory, 'journal', file)), { journal_id, seq });
    if (segment.header.prev !== prev) throw new Error(`${file} does not follow the segment before it`);
    prev = segment.hash;
    events.push(...segment.lines.map((line) => JSON.parse(line) as JournalEvent));
  }
  return events;
}

/** How often an event of this type happened to each entity. */
export function countByEntity(events: readonly JournalEvent[], type: JournalEvent['type']): Map<string, number> {
  const counts = new Map<string, number>();
  for (const event of events) if (event.type === type) counts.set(event.entity, (counts.get(event.entity) ?? 0) + 1);
  return counts;
}
