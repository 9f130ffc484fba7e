/** Rebuild: the same bytes from journal and archive alone, and no leftovers. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../clock.ts';
import { readSettings } from '../config.ts';
import { JournalError } from '../journal/errors.ts';
import { HEAD_KEY } from '../journal/keys.ts';
import { DirectoryStore } from '../objects/directory.ts';
import { MemoryStore } from '../objects/memory.ts';
import { TurnedClock } from '../testing-clock.ts';
import { CHECKPOINT_KEY, PACKS, VIEW_PREFIXES } from './keys.ts';
import { rebuildViews } from './rebuild.ts';
import { HISTORY, HISTORY_SETTINGS, HISTORY_START, play } from './testing-history.ts';
import { keysIn, TestMonitor, textAt, viewsIn, WatchedStore } from './testing-monitor.ts';

const settings = readSettings({}, {});

async function played(steps = HISTORY) {
  const clock = new TurnedClock(HISTORY_START);
  const store = new MemoryStore(clock);
  const monitor = await TestMonitor.open({ store, clock, settings: HISTORY_SETTINGS });
  await play(steps, monitor, clock);
  await monitor.stop();
  return { clock, store, rebuild: () => rebuildViews({ store, clock, settings }) };
}

test('after every view is deleted a rebuild leaves the same bytes, whenever the monitor was stopped', async () => {
  for (let steps = 1; steps <= HISTORY.length; steps++) {
    const { store, rebuild } = await played(HISTORY.slice(0, steps));
    const before = await viewsIn(store);
    for (const key of before.keys()) await store.delete(key);
    const report = await rebuild();
    assert.deepEqual(await viewsIn(store), before, `after ${steps} steps`);
    assert.deepEqual([report.written, report.unchanged, report.deleted], [before.size, 0, 0]);
  }
});

test('a rebuild of correct views writes and deletes nothing', async () => {
  const { store, rebuild } = await played();
  const { size } = await viewsIn(store);
  const { written, unchanged, deleted, damaged } = await rebuild();
  assert.deepEqual({ written, unchanged, deleted, damaged }, { written: 0, unchanged: size, deleted: 0, damaged: [] });
});

test('differing views are written, and views that would not be written are deleted', async () => {
  const { store, rebuild } = await played();
  const before = await viewsIn(store);
  const strays = [
    'jobs/active/job-1/state.json',
    'jobs/active/unknown/state.json',
    'jobs/completed/2025/07/07/hour=23/job-1.json',
    'jobs/failed/job-2/state.json',
    'workers/active/worker-2/status.json',
    'workers/terminated/worker-1-20250707.json',
    'alerts/active/alert-1.json',
    'system/metrics/2025/07/07/hourly/03.json',
    'system/metrics/daily/2024-01-01.json',
    'metrics/hourly/2025/07/15/21.json',
  ];
  for (const key of strays) {
    assert.ok(!before.has(key), key);
    await store.put(key, Buffer.from('{"as_of_seq": 3}'));
  }
  await store.put('jobs/completed/2025/07/07/hour=19/job-1.json', Buffer.from('{}'));
  await store.delete('workers/active/worker-1/jobs/history/job-1.json');
  const { written, deleted } = await rebuild();
  assert.deepEqual(await viewsIn(store), before);
  assert.deepEqual([written, deleted], [2, strays.length]);
});

/** Foreign objects in the views' folders: without a view's key, or with a document that no monitor wrote. */
const FOREIGN: Record<string, string> = {
  'jobs/notes.txt': 'mine',
  'queues/other.json': '{"as_of_seq": 3}',
  'jobs/active/theirs/audio.mp3': '{"as_of_seq": 3}',
  'jobs/active/theirs/state.json': '{"job_id": "theirs", "state": "PROCESSING"}',
  'jobs/active/odd/state.json': '{"as_of_seq": "3"}',
  'jobs/active/null/state.json': 'null',
  'workers/active/theirs/status.json': '{"as_of_seq": 1.5}',
  'alerts/active/empty.json': '',
};

test('foreign objects in the views’ folders are left unchanged, and counted', async () => {
  const { store, rebuild } = await played();
  for (const [key, text] of Object.entries(FOREIGN)) await store.put(key, Buffer.from(text));
  const { written, deleted, foreign, details } = await rebuild();
  assert.deepEqual([written, deleted, foreign], [0, 0, Object.keys(FOREIGN).length]);
  assert.deepEqual(details.foreign.folders, { 'jobs/': 5, 'workers/': 1, 'queues/': 1, 'alerts/': 1 });
  assert.equal(details.foreign.examples.length, 5);
  for (const [key, text] of Object.entries(FOREIGN)) assert.equal(await textAt(store, key), text);
});

test('a dry run reports what a rebuild does, and changes nothing', async () => {
  const { clock, store, rebuild } = await played();
  await store.put('jobs/active/stray/state.json', Buffer.from('{"as_of_seq": 3}'));
  await store.put('jobs/notes.txt', Buffer.from('mine'));
  await store.put('system/health.json', Buffer.from('{}'));
  await store.delete('workers/active/worker-1/jobs/history/job-1.json');
  const watched = new WatchedStore(store);
  const dry = await rebuildViews({ store: watched, clock, settings, dry_run: true });
  assert.deepEqual(
    watched.calls.filter(({ name }) => name !== 'get' && name !== 'list'),
    [],
  );
  assert.deepEqual(dry.details, {
    written: {
      folders: { 'workers/': 1, 'system/': 1 },
      examples: ['workers/active/worker-1/jobs/history/job-1.json', 'system/health.json'],
    },
    deleted: { folders: { 'jobs/': 1 }, examples: ['jobs/active/stray/state.json'] },
    foreign: { folders: { 'jobs/': 1 }, examples: ['jobs/notes.txt'] },
  });
  assert.deepEqual(dry, { ...(await rebuild()), dry_run: true });
});

test('only views are touched', async () => {
  const { store, rebuild } = await played();
  await store.put('uploads/upload-1', Buffer.from('audio'));
  await store.put('transcripts/job-1.json', Buffer.from('words'));
  const others = async () => {
    const found = new Map<string, string>();
    for await (const { key } of store.list('')) {
      if (key !== CHECKPOINT_KEY && !VIEW_PREFIXES.some((prefix) => key.startsWith(prefix)))
        found.set(key, await textAt(store, key));
    }
    return found;
  };
  const before = await others();
  await rebuild();
  assert.deepEqual(await others(), before);
});

test('after a rebuild the monitor finds nothing to write', async () => {
  const { clock, store, rebuild } = await played();
  for (const key of (await viewsIn(store)).keys()) await store.delete(key);
  await store.delete(CHECKPOINT_KEY);
  await rebuild();
  const watched = new WatchedStore(store);
  const monitor = await TestMonitor.open({ store: watched, clock, settings: HISTORY_SETTINGS });
  assert.equal(monitor.publisher.backlog, 0);
  await monitor.stop();
  assert.deepEqual(
    watched.calls.filter(({ name, key }) => (name === 'put' || name === 'delete') && key !== HEAD_KEY),
    [],
  );
});

test('a rebuild interrupted at any effect is completed by the next', async () => {
  const { clock, store } = await played();
  const before = await viewsIn(store);
  for (let at = 1; ; at++) {
    for (const key of before.keys()) await store.delete(key);
    await store.put('jobs/active/stray/state.json', Buffer.from('{"as_of_seq": 3}'));
    const watched = new WatchedStore(store);
    let effects = 0;
    watched.onCall = (call, done) => {
      if (done || (call.name !== 'put' && call.name !== 'delete')) return undefined;
      effects += 1;
      if (effects >= at) throw new Error('cut off');
      return undefined;
    };
    const cut = await rebuildViews({ store: watched, clock, settings }).then(
      () => false,
      () => true,
    );
    await rebuildViews({ store, clock, settings });
    assert.deepEqual(await viewsIn(store), before, `interrupted at effect ${at}`);
    if (!cut) break;
  }
});

test('a store without a journal is refused, and nothing in it is deleted', async () => {
  const clock = new TurnedClock(HISTORY_START);
  const store = new MemoryStore(clock);
  await store.put('jobs/active/job-1/state.json', Buffer.from('{}'));
  await assert.rejects(rebuildViews({ store, clock, settings }), { code: 'no_journal' });
  assert.equal((await viewsIn(store)).size, 1);
});

test('a damaged journal is refused, and no view is touched', async () => {
  const { store, rebuild } = await played(HISTORY.slice(0, 8));
  const before = await viewsIn(store);
  const key = 'journal/00000000000000000003.ndjson';
  await store.put(key, Buffer.from((await textAt(store, key)).replace('job-1', 'job-9')));
  await assert.rejects(rebuild(), (error) => error instanceof JournalError && error.kind === 'corrupt');
  assert.deepEqual(await viewsIn(store), before);
});

test('any object of the archive that is damaged or missing is reported, its views are left, and the rest is rebuilt', async () => {
  const { clock, store } = await played();
  const before = await viewsIn(store);
  const watched = new WatchedStore(store);
  await rebuildViews({ store: watched, clock, settings });
  const objects = new Set(
    watched.calls.flatMap(({ name, key }) => (name === 'get' && key.startsWith('archive/') ? [key] : [])),
  );
  assert.ok(objects.size > 3);
  for (const key of objects) {
    const whole = Buffer.from(await textAt(store, key));
    await store.put(key, Buffer.from('{'));
    await store.delete('system/health.json');
    const report = await rebuildViews({ store: new WatchedStore(store), clock, settings });
    assert.deepEqual(report.damaged, [key]);
    assert.deepEqual(await viewsIn(store), before);
    await store.put(key, whole);
  }
  for (const key of [...objects].filter((one) => one.startsWith(PACKS))) {
    const whole = Buffer.from(await textAt(store, key));
    await store.delete(key);
    const report = await rebuildViews({ store: new WatchedStore(store), clock, settings });
    assert.deepEqual(report.damaged, [key]);
    assert.deepEqual(await viewsIn(store), before);
    await store.put(key, whole);
  }
});

test('it fails, with a hint, if a monitor writes meanwhile', async () => {
  const { clock, store } = await played(HISTORY.slice(0, 8));
  const monitor = await TestMonitor.open({ store, clock, settings: HISTORY_SETTINGS });
  const watched = new WatchedStore(store);
  let met = false;
  watched.onCall = (call, done) => {
    if (done || met || call.key !== 'queues/') return undefined;
    met = true;
    return monitor.submit('job-meanwhile').then(() => undefined);
  };
  await assert.rejects(rebuildViews({ store: watched, clock, settings }), { code: 'store_in_use' });
  await monitor.stop();
});

test('a directory that a monitor holds is refused by its lock; once it is free the tree is rebuilt, byte for byte', async () => {
  const root = await mkdtemp(join(tmpdir(), 'tmon-rebuild-'));
  const held = await DirectoryStore.open(root, { lock: true });
  const monitor = await TestMonitor.open({ store: held, clock: systemClock, settings: { finished_max: 1 } });
  await monitor.register('worker-1');
  await monitor.submit('job-1', 'job-2', 'job-3', 'job-4');
  await monitor.claim('worker-1', 3);
  await monitor.complete('job-1');
  await monitor.complete('job-2');
  await monitor.fail('job-3');
  assert.equal(await monitor.archive.runOnce(), 1);
  await monitor.tick('alert-1');
  await assert.rejects(DirectoryStore.open(root, { lock: true }), { code: 'store_locked' });
  await monitor.stop();
  const before = await viewsIn(held);
  await held.close();
  for (const prefix of VIEW_PREFIXES) await rm(join(root, prefix), { recursive: true, force: true });
  const store = await DirectoryStore.open(root, { lock: true });
  assert.equal((await viewsIn(store)).size, 0);
  const report = await rebuildViews({ store, clock: systemClock, settings });
  assert.deepEqual(await viewsIn(store), before);
  assert.equal(report.written, before.size);
  await store.close();
  await rm(root, { recursive: true });
});

test('the archive is never in memory as a whole: each pack is read once, one after the other', async () => {
  const clock = new TurnedClock(HISTORY_START);
  const store = new MemoryStore(clock);
  const monitor = await TestMonitor.open({ store, clock, settings: { finished_max: 0 } });
  for (let turn = 0; turn < 5; turn++) {
    const job_ids = Array.from({ length: 60 }, (_, job) => `job-${turn}-${job}`);
    await monitor.submit(...job_ids);
    for (const job_id of job_ids) await monitor.do({ type: 'cancel_job', job_id });
    await monitor.archive.runOnce();
  }
  await monitor.stop();
  const watched = new WatchedStore(store);
  const report = await rebuildViews({ store: watched, clock, settings });
  assert.equal(report.archived, 300);
  const reads = watched.calls.filter(({ name, key }) => name === 'get' && key.startsWith('archive/'));
  assert.deepEqual(
    reads.map(({ key }) => key),
    await keysIn(store, PACKS),
  );
});
