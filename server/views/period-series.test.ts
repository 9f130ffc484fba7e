/** The time series of a range, from the fold and the archive, and how final hours are written. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOTHING_KNOWN, type Sighting } from '../../protocol/sighting.ts';
import type { MetricsPeriod } from '../../protocol/system.ts';
import { DAY_MS, HOUR_MS, parseTime } from '../../protocol/time.ts';
import { MemoryStore } from '../objects/memory.ts';
import { TurnedClock } from '../testing-clock.ts';
import { periodSeries } from './period-series.ts';
import { rebuiltFrom, TestMonitor, textAt, viewsIn, WatchedStore } from './testing-monitor.ts';

const START = '2025-07-07T19:30:00Z';
const FIRST_HOUR = Math.floor(parseTime(START) / HOUR_MS);
const HOUR_19 = 'metrics/hourly/2025/07/07/19.json';

async function open() {
  const clock = new TurnedClock(START);
  const memory = new MemoryStore(clock);
  const store = new WatchedStore(memory);
  const monitor = await TestMonitor.open({ store, clock, settings: { view_puts_per_second: 100_000 } });
  return { clock, memory, store, monitor };
}

async function finish(monitor: TestMonitor, ...job_ids: string[]): Promise<void> {
  await monitor.submit(...job_ids);
  await monitor.claim('worker-1', job_ids.length);
  for (const job_id of job_ids) await monitor.complete(job_id);
}

const startsOf = (items: MetricsPeriod[]) => items.map(({ period_start }) => period_start);

test('[A5] hours that memory has dropped come unchanged from the archive, in one list with the rest', async () => {
  const { clock, memory, monitor } = await open();
  const hours = { step: 'hour', first: FIRST_HOUR, end: FIRST_HOUR + 96 * 24 } as const;
  const known: MetricsPeriod[] = [];
  for (let day = 0; day < 95; day++) {
    await monitor.register('worker-1', 3.6);
    await finish(monitor, `job-${day}`);
    await clock.turn(2 * HOUR_MS);
    await monitor.terminate('worker-1');
    await clock.turn(DAY_MS - 2 * HOUR_MS);
    while ((await monitor.archive.runOnce()) > 0);
    if (day === 10) known.push(...(await periodSeries(memory, monitor.engine.state, hours)).items);
  }
  await monitor.submit('job-last');
  const { state } = monitor.engine;
  assert.equal(state.tables.hours.get(FIRST_HOUR), undefined);
  const { items, unreadable } = await periodSeries(memory, state, hours);
  assert.deepEqual(unreadable, []);
  // Of each day 19:00, 20:00 and 21:00: the worker left at 21:30.
  assert.equal(items.length, 95 * 3 + 1);
  assert.deepEqual(startsOf(items), [...new Set(startsOf(items))].sort());
  assert.deepEqual(items.slice(0, known.length), known);
  assert.deepEqual([items[1]!.worker_seconds_paid, items[1]!.worker_seconds_idle], [3600, 3600]);
  const some = await periodSeries(memory, state, { step: 'hour', first: FIRST_HOUR + 1, end: FIRST_HOUR + 25 });
  assert.deepEqual(some.items, items.slice(1, 4));
  const days = await periodSeries(memory, state, { step: 'day', first: 20_276, end: 20_276 + 96 });
  assert.deepEqual([days.items.length, days.items[0]!.worker_seconds_paid], [96, 7200]);
  const [lost] = [...(await keysUnder(memory, 'archive/periods/'))];
  await memory.put(lost!, Buffer.from('{}'));
  const damaged = await periodSeries(memory, state, hours);
  assert.deepEqual([damaged.items.length, damaged.unreadable.map(({ key }) => key)], [items.length - 3, [lost]]);
  await monitor.stop();
});

async function keysUnder(store: MemoryStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

test('an hour that is over is written once more, and then never again: restart, late end, import, second instance, truncation', async () => {
  const { clock, memory, store, monitor } = await open();
  await monitor.register('worker-1', 3.6);
  await finish(monitor, 'job-1');
  await monitor.submit('job-2');
  await clock.turn(10 * 60_000);
  // In the middle of the hour.
  await monitor.engine.journal.snapshot();
  await monitor.stop();
  const again = await TestMonitor.open({ store, clock, settings: { view_puts_per_second: 100_000 } });
  await again.submit('job-3');
  await clock.turn(HOUR_MS);
  await again.submit('job-4');
  await again.publisher.flush();
  const final = await textAt(memory, HOUR_19);
  const is = JSON.parse(final) as MetricsPeriod;
  assert.deepEqual(
    [is.jobs_submitted, is.jobs_completed, is.queue_depth, is.queue_depth_max, is.worker_seconds_paid],
    [3, 1, 2, 2, is.measured_seconds],
  );
  assert.ok(is.measured_seconds > 1795 && is.measured_seconds <= 1800, String(is.measured_seconds));
  assert.equal(final, await textAt(memory, 'system/metrics/2025/07/07/hourly/19.json'));
  assert.deepEqual([store.puts(HOUR_19), (await viewsIn(memory)).has(HOUR_19)], [1, true]);
  const puts = store.puts('system/metrics/2025/07/07/hourly/19.json');

  for (let n = 0; n < 20; n++) {
    const ended_ms = parseTime(START) + n * 60_000;
    const sighting: Partial<Sighting> = { job_id: `old-${n}`, state: 'COMPLETED', told_ms: ended_ms, ended_ms };
    await again.observe('log:/var/log/old.log', { ...NOTHING_KNOWN, ...sighting } as Sighting);
  }
  const second = await TestMonitor.open({ store, clock, shared: true });
  await second.do({ type: 'cancel_job', job_id: 'job-2' });
  await again.engine.journal.catchUp();
  await clock.turn(8 * DAY_MS);
  await again.engine.journal.snapshot();
  await again.engine.journal.truncate();
  await again.submit('job-5');
  await again.publisher.flush();
  await second.engine.journal.catchUp();
  await second.publisher.flush();
  const table = (of: TestMonitor) => [...of.engine.state.tables.hours.entries()];
  assert.deepEqual(table(second), table(again));
  assert.equal(await textAt(memory, HOUR_19), final);
  assert.equal((await rebuiltFrom(memory, clock)).views.get(HOUR_19), (await viewsIn(memory)).get(HOUR_19));
  assert.deepEqual(store.puts('system/metrics/2025/07/07/hourly/19.json'), puts);
  await second.stop();
  await again.stop();
});
