/**
 * The archive: when records leave memory, that none leaves before it is stored, and that stored records are unchanged.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sightingOf } from '../../protocol/sighting.ts';
import { DAY_MS, HOUR_MS } from '../../protocol/time.ts';
import type { Settings } from '../config.ts';
import { MemoryStore } from '../objects/memory.ts';
import { StoreError } from '../objects/store.ts';
import { TurnedClock } from '../testing-clock.ts';
import { damageIn } from './archive-objects.ts';
import { readArchivedPeriods } from './archived-periods.ts';
import { readArchivedJob, readArchivedWorker } from './archived-records.ts';
import { PACKS } from './keys.ts';
import { keysIn, rebuiltFrom, TestMonitor, textAt, viewsIn, WatchedStore } from './testing-monitor.ts';

async function open(settings: Partial<Settings> = {}) {
  const clock = new TurnedClock('2025-07-07T19:30:00Z');
  const memory = new MemoryStore(clock);
  const store = new WatchedStore(memory);
  const monitor = await TestMonitor.open({ store, clock, settings });
  await monitor.register('worker-1');
  return { clock, memory, store, monitor };
}

async function finish(monitor: TestMonitor, ...job_ids: string[]): Promise<void> {
  await monitor.submit(...job_ids);
  await monitor.claim('worker-1', job_ids.length);
  for (const job_id of job_ids) await monitor.complete(job_id);
}

async function assertAsRebuilt(memory: MemoryStore, clock: TurnedClock, monitor: TestMonitor): Promise<void> {
  await monitor.publisher.flush();
  assert.deepEqual(await viewsIn(memory), (await rebuiltFrom(memory, clock)).views);
}

test('a finished job leaves memory after finished_window_ms, and its record is read back unchanged', async () => {
  const { clock, memory, monitor } = await open({ finished_window_ms: HOUR_MS });
  await finish(monitor, 'job-1');
  const record = monitor.job('job-1');
  await clock.turn(HOUR_MS - 1_000);
  assert.equal(await monitor.archive.runOnce(), 0);
  await clock.turn(1_000);
  assert.equal(await monitor.archive.runOnce(), 1);
  assert.equal(monitor.engine.state.job('job-1'), undefined);
  assert.deepEqual((await readArchivedJob(memory, monitor.engine.state, 'job-1'))?.job, record);
  await monitor.stop();
});

test('beyond finished_max the earliest finished leave first, and unfinished ones never', async () => {
  const { monitor } = await open({ finished_max: 2 });
  await finish(monitor, 'job-1', 'job-2', 'job-3', 'job-4');
  await monitor.submit('job-0');
  assert.equal(await monitor.archive.runOnce(), 2);
  assert.deepEqual([...monitor.engine.state.tables.jobs.keys()], ['job-0', 'job-3', 'job-4']);
  await monitor.stop();
});

test('a failed job stays in memory while it is in the dead-letter queue', async () => {
  const { clock, memory, monitor } = await open({ finished_window_ms: HOUR_MS, finished_max: 0 });
  await monitor.submit('job-1');
  await monitor.claim('worker-1');
  await monitor.fail('job-1');
  await clock.turn(2 * DAY_MS);
  assert.equal(await monitor.archive.runOnce(), 0);
  await monitor.do({ type: 'purge_queue', queue: 'dlq', filter: {} });
  assert.equal(await monitor.archive.runOnce(), 1);
  assert.equal((await readArchivedJob(memory, monitor.engine.state, 'job-1'))?.job.state, 'FAILED');
  await assertAsRebuilt(memory, clock, monitor);
  await monitor.stop();
});

test('a job is forgotten only once its views are in the store', async () => {
  const { clock, memory, store, monitor } = await open({ finished_max: 0, view_transition_ms: 60_000 });
  await finish(monitor, 'job-1');
  store.onCall = (call, done) => {
    if (!done && call.key.startsWith('jobs/completed/')) throw new StoreError('unavailable', 'away', 'away');
    return undefined;
  };
  await assert.rejects(monitor.archive.runOnce(), { code: 'away' });
  assert.ok(monitor.engine.state.job('job-1'));
  store.onCall = () => undefined;
  assert.equal(await monitor.archive.runOnce(), 1);
  assert.ok((await viewsIn(memory)).has('jobs/completed/2025/07/07/hour=19/job-1.json'));
  await assertAsRebuilt(memory, clock, monitor);
  await monitor.stop();
});

test('a job whose view cannot be made stays in memory, and does not keep others there', async () => {
  const { memory, monitor } = await open({ finished_max: 0 });
  await finish(monitor, 'job-1', 'job-2');
  const { jobs } = monitor.engine.state.tables;
  const job = monitor.job('job-1');
  jobs.set('job-1', { ...job, tags: 5 as unknown as string[] });
  assert.equal(await monitor.archive.runOnce(), 1);
  assert.deepEqual([...monitor.engine.state.tables.jobs.keys()], ['job-1']);
  assert.ok(await readArchivedJob(memory, monitor.engine.state, 'job-2'));
  await monitor.stop();
});

test('a job that is retried while it is being archived is not forgotten', async () => {
  const { monitor, store, memory, clock } = await open({ finished_max: 0 });
  await monitor.submit('job-1');
  await monitor.do({ type: 'cancel_job', job_id: 'job-1' });
  let retried: Promise<unknown> = Promise.resolve();
  store.onCall = (call, done) => {
    if (!done || call.name !== 'putIfAbsent' || !call.key.startsWith(PACKS)) return undefined;
    retried = monitor
      .do({ type: 'retry_job', job_id: 'job-1' })
      .then(() => monitor.do({ type: 'cancel_job', job_id: 'job-1' }));
    return retried.then(() => undefined);
  };
  assert.equal(await monitor.archive.runOnce(), 0);
  await retried;
  const record = monitor.job('job-1');
  store.onCall = () => undefined;
  assert.equal(await monitor.archive.runOnce(), 1);
  assert.deepEqual((await readArchivedJob(memory, monitor.engine.state, 'job-1'))?.job, record);
  await assertAsRebuilt(memory, clock, monitor);
  await monitor.stop();
});

test('a job that was archived, not forgotten, retried and ended again is archived with its new end', async () => {
  const { clock, memory, store, monitor } = await open({ finished_max: 0 });
  await monitor.submit('job-1');
  await monitor.do({ type: 'cancel_job', job_id: 'job-1' });
  await monitor.publisher.flush();
  store.onCall = (call, done) => {
    if (!done && call.name === 'putIfAbsent' && call.key.startsWith('journal/')) return new Promise(() => {});
    return undefined;
  };
  void monitor.archive.runOnce().catch(() => undefined);
  await clock.turn(100);
  assert.equal((await keysIn(memory, PACKS)).length, 1);
  monitor.crash();

  const again = await TestMonitor.open({ store: memory, clock, settings: { finished_max: 0 } });
  await clock.turn(2 * HOUR_MS);
  await again.do({ type: 'retry_job', job_id: 'job-1' });
  await assertAsRebuilt(memory, clock, again);
  await again.claim('worker-1');
  await again.complete('job-1');
  const record = again.job('job-1');
  assert.equal(await again.archive.runOnce(), 1);
  assert.deepEqual((await readArchivedJob(memory, again.engine.state, 'job-1'))?.job, record);
  await assertAsRebuilt(memory, clock, again);
  await again.stop();
});

test('a job that starts again elsewhere after it was archived has only its current views in the store', async () => {
  const { clock, memory, monitor } = await open({ finished_max: 0 });
  const report = (event: 'JOB_START' | 'JOB_COMPLETE') => {
    const line = { event, job_id: 'job-1', worker_id: 'worker-9', s3_path: 's3://t/1.json' };
    return monitor.observe('log:/a', sightingOf(line, clock.now()));
  };
  await report('JOB_START');
  await report('JOB_COMPLETE');
  assert.equal(await monitor.archive.runOnce(), 1);
  await clock.turn(3 * HOUR_MS);
  await report('JOB_START');
  await assertAsRebuilt(memory, clock, monitor);
  assert.deepEqual(
    [...(await viewsIn(memory)).keys()].filter((key) => key.startsWith('jobs/') && key.endsWith('state.json')),
    ['jobs/active/job-1/state.json'],
  );
  await report('JOB_COMPLETE');
  await assertAsRebuilt(memory, clock, monitor);
  assert.equal(await monitor.archive.runOnce(), 1);
  await assertAsRebuilt(memory, clock, monitor);
  const ends = [...(await viewsIn(memory)).keys()].filter((key) => key.startsWith('jobs/completed/'));
  assert.deepEqual(ends, ['jobs/completed/2025/07/07/hour=22/job-1.json']);
  await monitor.stop();
});

test('if two instances archive the same jobs, one succeeds, and the other removes its pack', async () => {
  const clock = new TurnedClock('2025-07-07T19:30:00Z');
  const memory = new MemoryStore(clock);
  const settings = { finished_max: 0 };
  const one = await TestMonitor.open({ store: memory, clock, settings, shared: true });
  const two = await TestMonitor.open({ store: memory, clock, settings, shared: true });
  await one.register('worker-1');
  await finish(one, 'job-1', 'job-2');
  await two.engine.journal.catchUp();
  const left = await Promise.all([one.archive.runOnce(), two.archive.runOnce()]);
  assert.ok(left.includes(2));
  for (const { engine } of [one, two]) {
    await engine.journal.catchUp();
    assert.deepEqual(await keysIn(memory, PACKS), [...engine.state.tables.packs.keys()]);
    assert.equal((await readArchivedJob(memory, engine.state, 'job-2'))?.job.state, 'COMPLETED');
  }
  assert.equal(one.engine.state.scalars.archived_jobs, 2);
  await two.stop();
  await one.stop();
});

test('a worker leaves memory 7 days after its end, and is a new worker if it comes back', async () => {
  const { clock, memory, monitor } = await open();
  await monitor.terminate('worker-1');
  const record = monitor.engine.state.worker('worker-1');
  await clock.turn(7 * DAY_MS - 1_000);
  assert.equal(await monitor.archive.runOnce(), 0);
  await clock.turn(1_000);
  assert.equal(await monitor.archive.runOnce(), 1);
  assert.equal(monitor.engine.state.worker('worker-1'), undefined);
  assert.deepEqual(await readArchivedWorker(memory, 'worker-1'), record);
  await monitor.register('worker-1');
  await assertAsRebuilt(memory, clock, monitor);
  await monitor.terminate('worker-1');
  await assertAsRebuilt(memory, clock, monitor);
  assert.deepEqual(
    [...(await viewsIn(memory)).keys()].filter((key) => key.startsWith('workers/')),
    ['workers/terminated/worker-1-20250707.json', 'workers/terminated/worker-1-20250714.json'],
  );
  await clock.turn(8 * DAY_MS);
  assert.equal(await monitor.archive.runOnce(), 1);
  await assertAsRebuilt(memory, clock, monitor);
  await monitor.stop();
});

test("a worker's end that was archived before its return is replaced in the archive by its next end", async () => {
  const { clock, memory, store, monitor } = await open();
  await monitor.terminate('worker-1');
  await clock.turn(8 * DAY_MS);
  store.onCall = (call, done) => {
    if (!done && call.name === 'putIfAbsent' && call.key.startsWith('journal/')) return new Promise(() => {});
    return undefined;
  };
  void monitor.archive.runOnce().catch(() => undefined);
  await clock.turn(100);
  assert.ok(await readArchivedWorker(memory, 'worker-1'));
  monitor.crash();
  const again = await TestMonitor.open({ store: memory, clock });
  await again.register('worker-1');
  await assertAsRebuilt(memory, clock, again);
  await again.terminate('worker-1');
  await clock.turn(8 * DAY_MS);
  assert.equal(await again.archive.runOnce(), 1);
  await assertAsRebuilt(memory, clock, again);
  assert.equal([...(await viewsIn(memory)).keys()].filter((key) => key.startsWith('workers/')).length, 1);
  await again.stop();
});

test('an alert leaves memory 30 days after it was resolved, and its view stays', async () => {
  const { clock, memory, monitor } = await open();
  await monitor.submit('job-1');
  await monitor.claim('worker-1');
  await monitor.fail('job-1');
  await monitor.tick('alert-1');
  await monitor.do({ type: 'redrive', filter: {} });
  await monitor.tick();
  await clock.turn(30 * DAY_MS);
  assert.equal(await monitor.archive.runOnce(), 1);
  assert.equal(monitor.engine.state.tables.alerts.size, 0);
  await assertAsRebuilt(memory, clock, monitor);
  assert.ok((await viewsIn(memory)).has('alerts/resolved/2025/07/07/alert-1.json'));
  await monitor.stop();
});

test('hours that memory drops after 90 days can be made again', async () => {
  const { clock, memory, monitor } = await open({ finished_window_ms: HOUR_MS });
  for (let day = 0; day < 95; day++) {
    await finish(monitor, `job-${day}`);
    await clock.turn(DAY_MS);
    while ((await monitor.archive.runOnce()) > 0);
  }
  await finish(monitor, 'job-last');
  while ((await monitor.archive.runOnce()) > 0);
  assert.equal(
    monitor.engine.state.tables.hours.get(Math.floor(Date.parse('2025-07-07T19:30:00Z') / HOUR_MS)),
    undefined,
  );
  await assertAsRebuilt(memory, clock, monitor);
  assert.ok((await viewsIn(memory)).has('system/metrics/2025/07/07/hourly/19.json'));
  assert.ok((await viewsIn(memory)).has('metrics/hourly/2025/07/07/19.json'));
  await monitor.stop();
});

test('a pack that is damaged, cut short or missing is reported, and hides no other', async () => {
  const { memory, monitor } = await open({ finished_max: 0 });
  await finish(monitor, 'job-1', 'job-2');
  await monitor.archive.runOnce();
  await finish(monitor, 'job-3');
  await monitor.archive.runOnce();
  const { state } = monitor.engine;
  const key = state.tables.packed_recently.get('job-1')!;
  const whole = await textAt(memory, key);
  for (const text of [
    '',
    whole.slice(0, -1),
    whole.replace('150', '151'),
    whole.replace('"count":2', '"count":3'),
    null,
  ]) {
    if (text === null) await memory.delete(key);
    else await memory.put(key, Buffer.from(text));
    const store = new WatchedStore(memory);
    const damaged = { code: 'archive_damaged', message: new RegExp(`^${key} is `) };
    await assert.rejects(readArchivedJob(store, state, 'job-1'), damaged);
    await assert.rejects(readArchivedJob(store, state, 'job-2'), damaged);
    assert.equal((await readArchivedJob(store, state, 'job-3'))?.job.job_id, 'job-3');
    assert.deepEqual([...damageIn(store).keys()], [key]);
  }
  await memory.put(key, Buffer.from(whole));
  assert.equal((await readArchivedJob(memory, state, 'job-1'))?.job.job_id, 'job-1');
  await monitor.stop();
});

test('a change of any byte of a worker record, an alert or the sums of a day is detected', async () => {
  const { clock, memory, monitor } = await open();
  await monitor.terminate('worker-1');
  await monitor.submit('job-1');
  await clock.turn(8 * DAY_MS);
  await monitor.archive.runOnce();
  await monitor.archive.runOnce();
  const worker = (await keysIn(memory, 'archive/workers/'))[0]!;
  const periods = (await keysIn(memory, 'archive/periods/'))[0]!;
  for (const key of [worker, periods]) {
    const whole = Buffer.from(await textAt(memory, key));
    for (let at = 0; at < whole.length; at++) {
      const bytes = Buffer.from(whole);
      bytes[at] = bytes[at]! ^ 1;
      await memory.put(key, bytes);
      const reading =
        key === worker
          ? readArchivedWorker(memory, 'worker-1')
          : readArchivedPeriods(memory, Math.floor(Date.parse('2025-07-07T00:00:00Z') / DAY_MS));
      await assert.rejects(reading, { code: 'archive_damaged' }, `byte ${at} of ${key}`);
    }
    await memory.put(key, whole);
  }
  await monitor.stop();
});

test('the sums of another day, or the end of a worker on another day, count as damage under this key', async () => {
  const { clock, memory, monitor } = await open();
  await monitor.terminate('worker-1');
  await monitor.submit('job-1');
  await clock.turn(8 * DAY_MS);
  await monitor.archive.runOnce();
  await monitor.archive.runOnce();
  const worker = (await keysIn(memory, 'archive/workers/'))[0]!;
  await memory.put('archive/workers/worker-1/20300101.json', Buffer.from(await textAt(memory, worker)));
  await assert.rejects(readArchivedWorker(memory, 'worker-1'), { code: 'archive_damaged' });
  const periods = (await keysIn(memory, 'archive/periods/'))[0]!;
  await memory.put('archive/periods/2030-01-01.json', Buffer.from(await textAt(memory, periods)));
  const day = Math.floor(Date.parse('2030-01-01T00:00:00Z') / DAY_MS);
  await assert.rejects(readArchivedPeriods(memory, day), { code: 'archive_damaged' });
  await monitor.stop();
});

test('a worker with a view but without a record is reported as missing, not as unknown', async () => {
  const { clock, memory, monitor } = await open();
  await monitor.terminate('worker-1');
  await clock.turn(8 * DAY_MS);
  await monitor.archive.runOnce();
  const [key = ''] = await keysIn(memory, 'archive/workers/');
  await memory.delete(key);
  await assert.rejects(readArchivedWorker(memory, 'worker-1'), { code: 'archive_damaged', key });
  assert.equal(await readArchivedWorker(memory, 'worker'), undefined);
  await monitor.stop();
});

test('a record without a hash, from an older version, is accepted', async () => {
  const { clock, memory, monitor } = await open();
  await monitor.terminate('worker-1');
  await clock.turn(8 * DAY_MS);
  await monitor.archive.runOnce();
  const key = (await keysIn(memory, 'archive/workers/'))[0]!;
  const { sha256: _, ...record } = JSON.parse(await textAt(memory, key)) as { sha256: string };
  await memory.put(key, Buffer.from(`${JSON.stringify(record)}\n`));
  assert.deepEqual(await readArchivedWorker(memory, 'worker-1'), record);
  await monitor.stop();
});

test('a job archived a while ago costs one read, the second time none, and an unknown job costs nothing', async () => {
  const { store, monitor } = await open({ finished_max: 0 });
  await finish(monitor, 'job-1');
  await monitor.archive.runOnce();
  const before = store.calls.length;
  await readArchivedJob(store, monitor.engine.state, 'job-1');
  await readArchivedJob(store, monitor.engine.state, 'job-1');
  assert.equal(await readArchivedJob(store, monitor.engine.state, 'job-2'), undefined);
  assert.equal(await readArchivedJob(store, monitor.engine.state, '../meta/format'), undefined);
  assert.equal(store.calls.length - before, 1);
  await monitor.stop();
});
