/**
 * The publisher: how soon and how rarely it writes, and what a crash leaves. The test advances the clock; nothing is
 * timed.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { sleep } from '../clock.ts';
import type { Settings } from '../config.ts';
import { jobDocument } from '../documents/job.ts';
import { workerDocument } from '../documents/worker.ts';
import type { MemoryStore } from '../objects/memory.ts';
import { StoreError } from '../objects/store.ts';
import { settled } from '../testing-clock.ts';
import { CHECKPOINT_KEY } from './keys.ts';
import { openWatched, rebuiltFrom, TestMonitor, textAt, viewsIn, WatchedStore } from './testing-monitor.ts';

const STATE = 'jobs/active/job-1/state.json';
const PROGRESS = 'jobs/active/job-1/progress.json';
const CURRENT = 'workers/active/worker-1/jobs/current.json';
const percentageIn = async (store: MemoryStore) => JSON.parse(await textAt(store, PROGRESS)) as { percentage: number };

test('a hundred changes of a job make one put of each of its views', async () => {
  const { clock, store, monitor } = await openWatched();
  await monitor.register('worker-1');
  await monitor.submit('job-1');
  for (let attempt = 0; attempt < 49; attempt++) {
    await monitor.do({ type: 'cancel_job', job_id: 'job-1' });
    await monitor.do({ type: 'retry_job', job_id: 'job-1' });
  }
  await clock.turn(5_000);
  assert.equal(store.puts(STATE), 1);
  assert.equal(store.puts(PROGRESS), 1);
  await monitor.stop();
});

test('[A2] [A52] [A53] a transition reaches state.json, the queue and the health within view_transition_ms', async () => {
  const { clock, memory, monitor } = await openWatched();
  await monitor.register('worker-1');
  await monitor.submit('job-1', 'job-2');
  await clock.turn(60_000);
  await monitor.claim('worker-1');
  await clock.turn(1_000);
  const read = async (key: string) => JSON.parse(await textAt(memory, key));
  assert.equal((await read(STATE)).state, 'PROCESSING');
  assert.equal((await read('queues/main-queue.json')).messages_inflight, 1);
  assert.equal((await read('system/health.json')).components.workers.active_count, 1);
  await monitor.stop();
});

test('a transition is written within view_transition_ms of the first change, however many follow', async () => {
  const { clock, store, monitor } = await openWatched();
  await monitor.submit('job-1');
  await clock.turn(600);
  await monitor.do({ type: 'cancel_job', job_id: 'job-1' });
  await monitor.do({ type: 'retry_job', job_id: 'job-1' });
  await clock.turn(399);
  assert.equal(store.puts(STATE), 0);
  await clock.turn(1);
  assert.equal(store.puts(STATE), 1);
  await clock.turn(60_000);
  assert.equal(store.puts(STATE), 1);
  await monitor.stop();
});

test('twenty progress reports within view_progress_ms make one put, which shows the last report', async () => {
  const { clock, memory, store, monitor } = await openWatched();
  await monitor.register('worker-1');
  await monitor.submit('job-1');
  await monitor.claim('worker-1');
  await clock.turn(2_000);
  const before = store.puts(PROGRESS);
  for (let report = 1; report <= 20; report++) {
    monitor.progress('job-1', report);
    await clock.turn(500);
  }
  assert.equal(store.puts(PROGRESS), before);
  await clock.turn(15_000);
  assert.equal(store.puts(PROGRESS), before + 1);
  assert.equal((await percentageIn(memory)).percentage, 20);
  await monitor.stop();
});

test('a job of ten minutes costs the puts stated in docs/format.md', async () => {
  const puts = async (settings: Partial<Settings>) => {
    const { clock, store, monitor } = await openWatched(settings);
    await monitor.register('worker-1');
    await clock.turn(2_000);
    const before = store.calls.filter(({ name }) => name === 'put').length;
    await monitor.submit('job-1');
    await clock.turn(2_000);
    await monitor.claim('worker-1');
    for (let second = 1; second < 600; second++) {
      monitor.progress('job-1', second / 6);
      await clock.turn(1_000);
    }
    await monitor.complete('job-1');
    await clock.turn(2_000);
    const after = store.calls.filter(({ name }) => name === 'put');
    await monitor.stop();
    return after.slice(before).filter(({ key }) => /^(jobs|workers)\//.test(key)).length;
  };
  const each15s = await puts({});
  const each60s = await puts({ view_progress_ms: 60_000 });
  const document = await readFile(new URL('../../docs/format.md', import.meta.url), 'utf8');
  const documented = (start: string) =>
    Number(new RegExp(`^\\| ${start}[^|]*\\| (?:[^|]*: )?(\\d+) \\|`, 'm').exec(document)?.[1]);
  assert.ok(Math.abs(each15s - documented('a job that waits')) <= 8, `${each15s} puts`);
  assert.ok(Math.abs(each60s - documented('the same with')) <= 8, `${each60s} puts`);
});

test('heartbeats of ten minutes make one put a minute', async () => {
  const { clock, store, monitor } = await openWatched();
  await monitor.register('worker-1');
  await clock.turn(2_000);
  const key = 'workers/active/worker-1/heartbeat.json';
  const before = store.puts(key);
  for (let second = 0; second < 600; second += 10) {
    monitor.beat('worker-1');
    await clock.turn(10_000);
  }
  const puts = store.puts(key) - before;
  assert.ok(puts >= 8 && puts <= 10, `${puts} puts`);
  await monitor.stop();
});

test('a job that ends before its first write is put once under its end, and nothing is deleted', async () => {
  const { clock, store, monitor } = await openWatched();
  await monitor.register('worker-1');
  await monitor.submit('job-1');
  await monitor.claim('worker-1');
  await monitor.complete('job-1');
  await clock.turn(5_000);
  const ofJob = store.calls.filter(({ key }) => key.includes('job-1'));
  assert.deepEqual(ofJob, [
    { name: 'put', key: 'jobs/completed/2025/07/07/hour=19/job-1.json' },
    { name: 'put', key: 'workers/active/worker-1/jobs/history/job-1.json' },
  ]);
  await monitor.stop();
});

test("a worker's status follows its job's estimate, although the worker itself has not changed", async () => {
  const { clock, memory, monitor } = await openWatched();
  await monitor.register('worker-1');
  await monitor.submit('job-1');
  await monitor.claim('worker-1');
  await clock.turn(30_000);
  monitor.progress('job-1', 10);
  await clock.turn(60_000);
  monitor.progress('job-1', 20);
  await clock.turn(16_000);
  const { state } = monitor.engine;
  const status = await textAt(memory, 'workers/active/worker-1/status.json');
  const { current_job } = workerDocument(state, state.worker('worker-1')!);
  assert.deepEqual(JSON.parse(status).current_job, current_job);
  assert.notEqual(current_job?.estimated_completion, null);
  await monitor.stop();
});

test('a burst is written completely at the pace, after the sums of the system', async () => {
  const { clock, store, monitor } = await openWatched({ view_puts_per_second: 100 });
  await monitor.register('worker-1');
  for (let job = 0; job < 300; job++) await monitor.submit(`job-${job}`);
  const effects = () => store.calls.filter(({ name, key }) => name !== 'get' && !/^(journal|meta)/.test(key));
  await clock.turn(1_000);
  await clock.turn(1_000);
  const before = effects().length;
  await clock.turn(1_000);
  assert.ok(effects().length - before <= 110, `${effects().length - before} a second`);
  assert.ok(store.puts('system/health.json') >= 1);
  await clock.turn(20_000);
  assert.equal(monitor.publisher.backlog, 0);
  for (let job = 0; job < 300; job++) assert.equal(store.puts(`jobs/active/job-${job}/state.json`), 1);
  await monitor.stop();
});

test('under a load of twice the pace views are late by a bounded time', async () => {
  const { clock, monitor } = await openWatched({ view_puts_per_second: 20 });
  const load = async (from: number, seconds: number) => {
    for (let second = from; second < from + seconds; second += 1) {
      for (let job = 0; job < 10; job++) await monitor.submit(`job-${second}-${job}`);
      await clock.turn(1_000);
    }
    return monitor.publisher.backlog;
  };
  const first = await load(0, 60);
  const second = await load(60, 60);
  assert.ok(second <= first + 20, `${first} subjects wait after one minute, ${second} after two`);
  await monitor.stop();
});

test('progress does not rewrite unchanged views: timeline, assignment, history and the worker’s current job', async () => {
  const { clock, store, monitor } = await openWatched();
  await monitor.register('worker-1');
  await monitor.submit('job-1');
  await monitor.claim('worker-1');
  await clock.turn(2_000);
  const before = store.calls.length;
  for (const percentage of [10, 30]) {
    monitor.progress('job-1', percentage);
    await clock.turn(16_000);
  }
  const keys = store.calls.slice(before).flatMap(({ name, key }) => (name === 'put' ? [key] : []));
  const written = new Set(keys.filter((key) => /^(jobs|workers)/.test(key)));
  assert.deepEqual([...written].sort(), [PROGRESS, STATE, 'workers/active/worker-1/status.json', CURRENT].sort());
  assert.equal(store.puts(CURRENT), 2, 'at the claim, and at the first estimate');
  await monitor.stop();
});

test('a flush does not wait for the pace, and leaves nothing', async () => {
  const { store, monitor } = await openWatched({ view_puts_per_second: 1 });
  for (let job = 0; job < 50; job++) await monitor.submit(`job-${job}`);
  await monitor.publisher.flush();
  assert.equal(monitor.publisher.backlog, 0);
  assert.equal(store.calls.filter(({ key }) => key.startsWith('jobs/active/')).length, 200);
  await monitor.stop();
});

test('a stop does not wait for a long backlog on a slow store; the next start continues with the rest', async () => {
  const { clock, memory, store, monitor } = await openWatched();
  for (let job = 0; job < 100; job++) await monitor.submit(`job-${job}`);
  store.onCall = (call, done) => (!done && call.name === 'put' ? sleep(clock, 1_000) : undefined);
  const stopped = monitor.stop();
  await clock.turn(30_000);
  await stopped;
  const written = (await viewsIn(memory)).size;
  assert.ok(written > 100 && written < 300, `${written} views`);
  const again = await TestMonitor.open({ store: memory, clock });
  await again.publisher.flush();
  assert.deepEqual(await viewsIn(memory), (await rebuiltFrom(memory, clock)).views);
  await again.stop();
});

test('a change during the write of its view is written after it', async () => {
  const { clock, memory, store, monitor } = await openWatched();
  let release = () => {};
  store.onCall = (call, done) => {
    if (done || call.key !== STATE || call.name !== 'put') return undefined;
    store.onCall = () => undefined;
    return new Promise<void>((resolve) => {
      release = resolve;
    });
  };
  await monitor.submit('job-1');
  await clock.turn(1_000);
  await monitor.do({ type: 'cancel_job', job_id: 'job-1' });
  await clock.turn(5_000);
  release();
  await clock.turn(1_000);
  const { views } = await rebuiltFrom(memory, clock);
  assert.deepEqual(
    [...(await viewsIn(memory)).keys()].filter((key) => key.startsWith('jobs/')),
    [...views.keys()].filter((key) => key.startsWith('jobs/')),
  );
  await monitor.stop();
});

test('after a crash only what the checkpoint does not cover is written again', async () => {
  const first = await openWatched();
  for (let job = 0; job < 20; job++) await first.monitor.submit(`job-${job}`);
  await first.monitor.publisher.flush();
  await first.monitor.submit('job-late');
  await first.clock.turn(10);
  first.monitor.crash();
  const store = new WatchedStore(first.memory);
  const monitor = await TestMonitor.open({ store, clock: first.clock });
  await first.clock.turn(5_000);
  const written = store.calls.filter(({ name, key }) => name === 'put' && key.startsWith('jobs/'));
  assert.deepEqual(
    written.map(({ key }) => key).sort(),
    ['progress', 'state', 'timeline', 'worker'].map((name) => `jobs/active/job-late/${name}.json`),
  );
  assert.deepEqual(await viewsIn(first.memory), (await rebuiltFrom(first.memory, first.clock)).views);
  await monitor.stop();
});

test('the checkpoint never passes unwritten views, and advances by itself', async () => {
  const { clock, memory, store, monitor } = await openWatched();
  await monitor.register('worker-1');
  await monitor.submit('job-1');
  store.onCall = (call, done) => {
    if (!done && call.key === STATE) throw new StoreError('unavailable', 'store_unavailable', 'not this one');
    return undefined;
  };
  await clock.turn(60_000);
  const asOf = async () => JSON.parse(await textAt(memory, CHECKPOINT_KEY)).as_of_seq as number;
  const submitted = monitor.job('job-1').version;
  assert.ok((await asOf()) < submitted);
  store.onCall = () => undefined;
  await clock.turn(120_000);
  assert.equal(await asOf(), monitor.engine.state.seq);
  await monitor.stop();
});

test('an hour whose end was not written is written as final after a crash', async () => {
  const { clock, memory, store, monitor } = await openWatched();
  await monitor.submit('job-1');
  await clock.turn(29 * 60_000 + 50_000);
  await monitor.submit('job-2');
  store.onCall = (call, done) => {
    if (!done && call.key.startsWith('metrics/')) throw new StoreError('unavailable', 'store_unavailable', 'not this');
    return undefined;
  };
  await clock.turn(12_000);
  await monitor.register('worker-1');
  await monitor.register('worker-2');
  await clock.turn(60_000);
  monitor.crash();
  const again = await TestMonitor.open({ store: memory, clock });
  await again.publisher.flush();
  assert.deepEqual(await viewsIn(memory), (await rebuiltFrom(memory, clock)).views);
  await again.stop();
});

test('a publisher that never started records nothing as written', async () => {
  const { clock, memory, monitor } = await openWatched();
  await monitor.submit('job-1');
  monitor.crash();
  await settled();
  const engine = (await TestMonitor.open({ store: memory, clock })).engine;
  assert.ok(engine.state.job('job-1'));
  const { ViewPublisher } = await import('./publisher.ts');
  const { forStore, readSettings } = await import('../config.ts');
  const store = new WatchedStore(memory);
  await new ViewPublisher({
    engine,
    store,
    clock,
    settings: forStore(readSettings({}, {}), { shared: false }),
    log: () => {},
  }).stop();
  assert.deepEqual(store.calls, []);
});

test('a store whose checkpoint is ahead of its journal has everything written again', async () => {
  const { clock, memory, monitor } = await openWatched();
  await monitor.submit('job-1');
  await monitor.stop();
  await memory.put(CHECKPOINT_KEY, Buffer.from('{"layout":3,"as_of_seq":1000,"hour":0}\n'));
  await memory.delete(STATE);
  const again = await TestMonitor.open({ store: memory, clock });
  await again.publisher.flush();
  assert.equal(await textAt(memory, STATE), `${JSON.stringify(jobDocument(again.job('job-1')), null, 2)}\n`);
  await again.stop();
});

test('a checkpoint with a changed digit is ignored, and does not stop a start', async () => {
  const { clock, memory, monitor } = await openWatched();
  await monitor.submit('job-1');
  await monitor.stop();
  const checkpoint = await textAt(memory, CHECKPOINT_KEY);
  await memory.put(CHECKPOINT_KEY, Buffer.from(checkpoint.replace(/"as_of_seq":\d+/, '"as_of_seq":1000')));
  await memory.delete(STATE);
  const again = await TestMonitor.open({ store: memory, clock });
  assert.equal(again.engine.journal.status.halted, false);
  await again.publisher.flush();
  assert.ok((await memory.get(STATE)).found);
  await again.stop();
});

test('a job with a truncated history leaves no view that a rebuild would not make', async () => {
  const { clock, memory, monitor } = await openWatched();
  for (const worker of ['worker-1', 'worker-2']) await monitor.register(worker);
  await monitor.submit('job-1');
  await monitor.claim('worker-1');
  await monitor.do({ type: 'cancel_job', job_id: 'job-1' });
  await monitor.fail('job-1');
  for (let round = 0; round < 40; round++) {
    await clock.turn(3_600_000);
    await monitor.do({ type: 'retry_job', job_id: 'job-1' });
    await monitor.claim('worker-2');
    await monitor.do({ type: 'cancel_job', job_id: 'job-1' });
    await monitor.fail('job-1');
  }
  await monitor.publisher.flush();
  assert.ok(monitor.job('job-1').history.every(({ worker_id }) => worker_id !== 'worker-1'));
  assert.deepEqual(await viewsIn(memory), (await rebuiltFrom(memory, clock)).views);
  await monitor.stop();
});
