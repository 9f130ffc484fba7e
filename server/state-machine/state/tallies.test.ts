/** Tallies: what they count, their bound, and that a restart keeps them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Monitor } from '../testing.ts';
import { restore, snapshotRows } from './snapshot.ts';
import { State } from './state.ts';
import { countBy, DISTRIBUTIONS, LABELS_MAX, observeBy, talliesOf } from './tallies.ts';

/** The label, the count and the sum in seconds of each tally. */
const summed = (state: State, name: keyof typeof DISTRIBUTIONS) =>
  talliesOf(state, name).map(([label, [sum = 0, ...counts]]) => [label, counts.reduce((a, b) => a + b, 0), sum / 1000]);

test('waits, processing times and real-time factors are those of the jobs', () => {
  const monitor = new Monitor();
  monitor.run({ type: 'register_worker', worker_id: 'worker-1', registration: { capabilities: { model: 'base' } } });
  for (const [job_id, wait_ms, taken_ms] of [
    ['job-1', 40_000, 50_000],
    ['job-2', 2_000, 10_000],
  ] as const) {
    monitor.submit(job_id, { duration_seconds: 100 });
    const [lease] = monitor.later(wait_ms).claim('worker-1');
    monitor.later(taken_ms).complete(lease!);
  }
  const { state } = monitor;
  assert.deepEqual(summed(state, 'wait'), [['normal', 2, 42]]);
  assert.deepEqual(summed(state, 'processing'), [['base', 2, 60]]);
  assert.deepEqual(summed(state, 'turnaround'), [['normal', 2, 102]]);
  assert.deepEqual(summed(state, 'realtime_factor'), [['base', 2, 0.6]]);
  const [, [, ...buckets]] = talliesOf(state, 'wait')[0]!;
  const filled = DISTRIBUTIONS.wait.filter((_, index) => buckets[index] === 1);
  assert.deepEqual(filled, [5_000, 60_000]);
});

test('a value on a bound belongs to its bucket, and one beyond all bounds to the last', () => {
  const state = new State();
  for (const value of [1_000, 1_001, 1e12, Number.NaN, -1]) observeBy(state, 'processing', 'base', value);
  const [, [sum, ...buckets]] = talliesOf(state, 'processing')[0]!;
  assert.deepEqual([buckets[0], buckets[1], buckets.at(-1)], [1, 1, 1]);
  assert.equal(sum, 1e12 + 2_001);
});

test('labels are bounded: of more, the later ones count as other', () => {
  const state = new State();
  for (let turn = 0; turn < 2; turn++) {
    for (let n = 0; n < 1000; n++) countBy(state, 'failed', `code_${String(n).padStart(4, '0')}`);
  }
  const counts = new Map(talliesOf(state, 'failed').map(([label, [count]]) => [label, count]));
  assert.equal(counts.size, LABELS_MAX + 1);
  assert.equal(counts.get('code_0000'), 2);
  assert.equal(counts.get('other'), 2 * (1000 - LABELS_MAX));
});

test('no value and an empty one are unknown, and a long one is cut', () => {
  const state = new State();
  for (const label of [null, '', 'x'.repeat(5000)]) countBy(state, 'attempts_failed', label);
  assert.deepEqual(
    talliesOf(state, 'attempts_failed').map(([label, [count]]) => [label.length, count]),
    [
      [7, 2],
      [100, 1],
    ],
  );
});

test('a snapshot keeps every tally, and a distribution with other buckets begins anew', () => {
  const state = new State();
  countBy(state, 'failed', 'worker|error');
  observeBy(state, 'wait', 'high', 7);
  const copy = restore(snapshotRows(state));
  assert.deepEqual([...copy.tables.tallies.entries()], [...state.tables.tallies.entries()]);
  assert.deepEqual(talliesOf(copy, 'failed'), [['worker|error', [1]]]);
  copy.tables.tallies.set('wait|high', [3000, 1, 2]);
  observeBy(copy, 'wait', 'high', 7);
  assert.deepEqual(summed(copy, 'wait'), [['high', 1, 0.007]]);
});
