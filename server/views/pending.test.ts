/** Pending notes: due ones are taken, whatever else is being written. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Note, Pending } from './pending.ts';

const note = (id: string, due_ms: number, more: Partial<Note> = {}): Note => ({
  kind: 'job',
  id,
  urgency: 'transition',
  due_ms,
  seq: 1,
  moved: true,
  fresh: false,
  gone: [],
  failures: 0,
  ...more,
});

test('a due note is found behind one that is being written and due later', () => {
  const pending = new Pending();
  pending.add(note('job-1', 50));
  pending.add(note('job-2', 10));
  const busy = ({ id }: { id: string }) => id === 'job-1';
  assert.equal(pending.soonest(busy), 10);
  assert.equal(pending.nextDue(20, busy)?.id, 'job-2');
});

test('the soonest note is due at its time, for any notes', () => {
  let seed = 7;
  const next = (below: number) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  const urgencies = ['transition', 'work', 'sums', 'progress', 'heartbeat'] as const;
  const kinds = ['job', 'worker', 'alert', 'hour', 'queues'] as const;
  for (let round = 0; round < 500; round++) {
    const pending = new Pending();
    for (let n = 0; n < 12; n++) {
      const more = { kind: kinds[next(5)]!, urgency: urgencies[next(5)]!, failures: next(4) === 0 ? 1 : 0 };
      pending.add(note(`id-${next(6)}`, next(40), more));
    }
    const occupied = new Set([`id-${next(6)}`, `id-${next(6)}`]);
    const busy = ({ id }: { id: string }) => occupied.has(id);
    const soonest = pending.soonest(busy);
    if (soonest !== null) assert.ok(pending.nextDue(soonest, busy), `round ${round}`);
  }
});
