/** What is kept of heartbeats. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppliedSegment, SegmentListener } from '../engine.ts';
import { UsageHistory } from './usage-history.ts';

function openHistory() {
  let tell: SegmentListener = () => {};
  const history = new UsageHistory({
    subscribe: (listener) => {
      tell = listener;
      return () => {};
    },
  });
  const segment = (at_ms: number, ...events: object[]) => tell({ at_ms, events } as unknown as AppliedSegment);
  const beat = (at_ms: number, health: object, more = {}) =>
    segment(at_ms, { type: 'WorkerBeat', entity: 'worker-1', data: { health, ...more } });
  return { history, segment, beat };
}

test('the samples of the last hour are kept, at most one in half a minute, and a figure that is absent is null', () => {
  const { history, beat } = openHistory();
  for (let second = 0; second <= 2 * 3600; second += 5)
    beat(second * 1000, { cpu_usage: second / 100, gpu_usage: null });
  const samples = history.of('worker-1');
  assert.equal(samples.length, 120);
  assert.deepEqual(samples.at(-1), {
    at_ms: 7_200_000,
    cpu_usage: 72,
    memory_usage: null,
    gpu_usage: null,
    disk_usage: null,
  });
  for (const [index, { at_ms }] of samples.entries()) {
    if (index > 0) assert.equal(at_ms - samples[index - 1]!.at_ms, 25_000);
  }
});

test('a sign of life without figures is no sample, and a worker that has ended has none', () => {
  const { history, segment, beat } = openHistory();
  beat(0, { cpu_usage: 5 });
  beat(60_000, { cpu_usage: 5 }, { sign: true });
  assert.equal(history.of('worker-1').length, 1);
  assert.deepEqual(history.of('worker-2'), []);
  segment(61_000, { type: 'WorkerTerminated', entity: 'worker-1', data: {} });
  assert.deepEqual(history.of('worker-1'), []);
});
