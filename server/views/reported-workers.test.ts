/**
 * Views of workers that only sources name, and of workers that come and go: the publisher writes the same as a rebuild.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOTHING_KNOWN, type Sighting } from '../../protocol/sighting.ts';
import { MemoryStore } from '../objects/memory.ts';
import { TurnedClock } from '../testing-clock.ts';
import { rebuiltFrom, TestMonitor, viewsIn } from './testing-monitor.ts';

const START = '2025-07-07T19:30:00Z';

async function open() {
  const clock = new TurnedClock(START);
  const store = new MemoryStore(clock);
  const monitor = await TestMonitor.open({ store, clock });
  const observe = (sighting: Partial<Sighting>) =>
    monitor.observe('log:/var/log/worker.log', { ...UNKNOWN, ...sighting, told_ms: clock.now() });
  const assertShown = async () => {
    await monitor.publisher.flush();
    assert.deepEqual(await viewsIn(store), (await rebuiltFrom(store, clock)).views);
  };
  return { clock, monitor, observe, assertShown };
}

const UNKNOWN: Sighting = {
  job_id: 'job-1',
  state: 'PROCESSING',
  told_ms: 0,
  ...NOTHING_KNOWN,
};

test('a worker that is named for a waiting job is shown as of the newest sighting', async () => {
  const { clock, monitor, observe, assertShown } = await open();
  await observe({ state: 'QUEUED', worker_id: 'worker-1' });
  await assertShown();
  await clock.turn(60_000);
  await observe({ state: 'QUEUED', worker_id: 'worker-1' });
  await assertShown();
  await monitor.stop();
});

test('a job whose worker is named later leaves no history of an unknown worker', async () => {
  const { clock, monitor, observe, assertShown } = await open();
  await observe({ percentage: 5 });
  await assertShown();
  await clock.turn(60_000);
  await observe({ percentage: 10, worker_id: 'worker-1' });
  await assertShown();
  await monitor.stop();
});

test('a worker that ends, comes back and ends again before its view is written keeps its final state', async () => {
  const { monitor, assertShown } = await open();
  await monitor.register('worker-1');
  await monitor.terminate('worker-1');
  await assertShown();
  await monitor.register('worker-1');
  await monitor.terminate('worker-1');
  await assertShown();
  await monitor.stop();
});
