/** Segments are read back once for all readers, and as many are cached as fit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JournalEvent } from '../state-machine/events.ts';
import { ReadBack } from './read-back.ts';

/** A segment of one alert with a message of the given length. */
const segment = (characters: number): JournalEvent[] => [
  {
    id: 'x/0',
    type: 'AlertRaised',
    at: '2026-01-01T00:00:00Z',
    actor: 'monitor',
    entity: 'alert-1',
    data: { rule: 'queue_slow', subject: 'main', severity: 'WARNING', message: 'm'.repeat(characters) },
  },
];

function reading(characters: number) {
  const reads: number[] = [];
  const gates = new Map<number, () => void>();
  const eventsOf = (seq: number) => {
    reads.push(seq);
    return new Promise<JournalEvent[] | null>((resolve) => gates.set(seq, () => resolve(segment(characters))));
  };
  return { reads, gates, eventsOf };
}

test('concurrent requests for a segment share one read, and later ones use the cache', async () => {
  const { reads, gates, eventsOf } = reading(10);
  const back = new ReadBack({ eventsOf });
  const pending = [back.updatesOf(1), back.updatesOf(1), back.updatesOf(1)];
  gates.get(1)!();
  for (const updates of await Promise.all(pending)) assert.equal(updates?.length, 1);
  await back.updatesOf(1);
  assert.deepEqual(reads, [1]);
});

test('after many large segments at once the last ones are still cached, and each was read once', async () => {
  const { reads, gates, eventsOf } = reading(100_000);
  const back = new ReadBack({ eventsOf }, 500_000);
  const pending = Array.from({ length: 17 }, (_, seq) => back.updatesOf(seq));
  for (let seq = 0; seq < 17; seq += 1) gates.get(seq)!();
  for (const updates of await Promise.all(pending)) assert.equal(updates?.length, 1);
  assert.equal(reads.length, 17);
  await back.updatesOf(16);
  await back.updatesOf(15);
  assert.equal(reads.length, 17, 'the last are kept');
  const again = back.updatesOf(20);
  gates.get(20)!();
  await again;
  await back.updatesOf(20);
  assert.equal(reads.length, 18, 'and what comes later is kept, too');
});

test('a truncated segment is null, and a failed read is repeated', async () => {
  let reads = 0;
  const back = new ReadBack({
    eventsOf: async (seq) => {
      reads += 1;
      if (seq === 1) return null;
      if (reads < 3) throw new Error('no response');
      return segment(1);
    },
  });
  assert.equal(await back.updatesOf(1), null);
  await assert.rejects(back.updatesOf(2), /no response/);
  assert.equal((await back.updatesOf(2))?.length, 1);
});

test('a segment larger than the cache is returned', async () => {
  const back = new ReadBack({ eventsOf: async () => segment(1_000) }, 500);
  assert.equal((await back.updatesOf(1))?.length, 1);
});
