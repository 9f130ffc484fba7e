/** The cleanup removes uploads that no job needs, and nothing that a job may still need. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { MemoryStore } from '../objects/memory.ts';
import { TurnedClock } from '../testing-clock.ts';
import { TestMonitor } from '../views/testing-monitor.ts';
import { UploadCleanup } from './cleanup.ts';
import { manifestKey, partKey, useKey } from './keys.ts';
import { Uploads } from './uploads.ts';
import { endUses } from './uses.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SETTINGS = { upload_unused_ms: 7 * DAY_MS, upload_keep_ms: 0, commands_window_ms: DAY_MS };

async function open(settings: Partial<typeof SETTINGS> = {}) {
  const clock = new TurnedClock('2026-01-01T00:00:00Z');
  const store = new MemoryStore(clock);
  // Finished jobs are archived after an hour.
  const monitor = await TestMonitor.open({ store, clock, settings: { finished_window_ms: HOUR_MS } });
  const { engine, log } = monitor;
  const uploads = new Uploads({
    store,
    settings: { upload_bytes_max: 1e9, uploads_at_once: 10 },
    now: () => engine.journal.now(),
  });
  const cleanup = new UploadCleanup({
    store,
    engine,
    settings: { ...SETTINGS, ...settings },
    log: (level, message) => log.push(`${level}: ${message}`),
  });
  const create = (key: string | null = null) =>
    uploads.create({ stream: Readable.from([Buffer.from('audio')]), file_name: async () => 'a.wav', key });
  const keys = async () => (await Array.fromAsync(store.list('uploads/'))).map(({ key }) => key);
  /** A job with an upload of its own. */
  const submit = async (job_id: string) => {
    const { upload_id, audio_url } = await create();
    await uploads.use(upload_id, [job_id]);
    await monitor.do({ type: 'submit_jobs', jobs: [{ job_id, audio_url }] });
    return upload_id;
  };
  return { clock, store, monitor, uploads, cleanup, create, keys, submit };
}

test('parts without a manifest are removed a day after the last part was written, not before', async () => {
  const { clock, store, cleanup, keys, monitor } = await open();
  await store.putIfAbsent(partKey('upload-1', 1), Buffer.from('a'));
  await clock.turn(20 * HOUR_MS);
  await store.putIfAbsent(partKey('upload-1', 2), Buffer.from('b'));
  await clock.turn(23 * HOUR_MS);
  assert.equal(await cleanup.runOnce(), 0);
  await clock.turn(2 * HOUR_MS);
  assert.equal(await cleanup.runOnce(), 1);
  assert.deepEqual(await keys(), []);
  await monitor.stop();
});

test('an upload that no job uses is removed after a week; a submission after that is refused', async () => {
  const { clock, uploads, cleanup, create, keys, monitor } = await open();
  const { upload_id } = await create();
  await clock.turn(7 * DAY_MS - HOUR_MS);
  assert.equal(await cleanup.runOnce(), 0);
  await clock.turn(2 * HOUR_MS);
  assert.equal(await cleanup.runOnce(), 1);
  await assert.rejects(uploads.use(upload_id, ['job-1']), { code: 'upload_not_found' });
  await clock.turn(2 * DAY_MS);
  await cleanup.runOnce();
  assert.deepEqual(await keys(), [], 'nothing is left of it');
  await monitor.stop();
});

test('upload_unused_ms 0 keeps unused uploads for ever', async () => {
  const { clock, cleanup, create, monitor } = await open({ upload_unused_ms: 0 });
  await create();
  await clock.turn(300 * DAY_MS);
  assert.equal(await cleanup.runOnce(), 0);
  await monitor.stop();
});

test('of a concurrent submission and cleanup one is first, and the other sees it', async () => {
  const { store, uploads, create, monitor } = await open();
  const used = await create();
  await uploads.use(used.upload_id, ['job-1']);
  assert.equal(await endUses(store, used.upload_id, 0), false, 'the cleanup had seen no use');
  const ended = await create();
  assert.equal(await endUses(store, ended.upload_id, 0), true);
  // The manifest is still there.
  await assert.rejects(uploads.use(ended.upload_id, ['job-2']), { code: 'upload_not_found' });
  for (let n = 0; n < 5; n += 1) await uploads.use(used.upload_id, [`job-${n}`]);
  await monitor.stop();
});

test('by default the upload of a job is kept after the job has been archived', async () => {
  const { clock, monitor, cleanup, submit, keys } = await open();
  const upload_id = await submit('job-1');
  await monitor.register('worker-1');
  await monitor.claim('worker-1');
  await monitor.complete('job-1');
  await clock.turn(2 * HOUR_MS);
  await monitor.archive.runOnce();
  assert.equal(monitor.engine.state.job('job-1'), undefined);
  await clock.turn(300 * DAY_MS);
  assert.equal(await cleanup.runOnce(), 0);
  assert.ok((await keys()).includes(manifestKey(upload_id)));
  await monitor.stop();
});

test('with upload_keep_ms the upload is removed that long after its job has ended, in memory or archived', async () => {
  const { clock, monitor, cleanup, submit } = await open({ upload_keep_ms: 3 * DAY_MS });
  await submit('job-1');
  await monitor.register('worker-1');
  await monitor.claim('worker-1');
  await clock.turn(10 * DAY_MS);
  assert.equal(await cleanup.runOnce(), 0, 'it runs');
  await monitor.complete('job-1');
  await clock.turn(2 * DAY_MS);
  await monitor.archive.runOnce();
  assert.equal(await cleanup.runOnce(), 0);
  await clock.turn(2 * DAY_MS);
  assert.equal(await cleanup.runOnce(), 1);
  await monitor.stop();
});

test('an upload is kept while its job waits or may still be retried after a failure or cancellation', async () => {
  const { clock, monitor, cleanup, submit, store } = await open({ upload_keep_ms: DAY_MS });
  const waiting = await submit('job-1');
  const cancelled = await submit('job-2');
  await monitor.do({ type: 'cancel_job', job_id: 'job-2' });
  await clock.turn(10 * DAY_MS);
  assert.equal(await cleanup.runOnce(), 0);
  assert.ok(monitor.engine.state.job('job-2'), 'it is still in memory');
  for (const upload_id of [waiting, cancelled]) assert.ok((await store.get(manifestKey(upload_id))).found);
  await monitor.archive.runOnce();
  assert.equal(await cleanup.runOnce(), 1, 'of the job that can not be retried any more');
  assert.ok((await store.get(manifestKey(waiting))).found);
  await monitor.stop();
});

test('an upload of several jobs is kept as long as one of them needs it', async () => {
  const { clock, monitor, uploads, cleanup, submit, store } = await open({ upload_keep_ms: DAY_MS });
  const upload_id = await submit('job-1');
  await uploads.use(upload_id, ['job-2', 'job-never-committed']);
  await monitor.do({ type: 'submit_jobs', jobs: [{ job_id: 'job-2', audio_url: `upload://${upload_id}/a.wav` }] });
  await monitor.register('worker-1');
  await monitor.claim('worker-1');
  await monitor.complete('job-1');
  await clock.turn(5 * DAY_MS);
  await monitor.archive.runOnce();
  assert.equal(await cleanup.runOnce(), 0);
  await monitor.claim('worker-1');
  await monitor.complete('job-2');
  await clock.turn(2 * DAY_MS);
  assert.equal(await cleanup.runOnce(), 1);
  assert.equal((await store.get(manifestKey(upload_id))).found, false);
  await monitor.stop();
});

test('an upload of a version that recorded no uses is kept, and so is one with a damaged object', async () => {
  const { clock, store, cleanup, create, monitor } = await open();
  const old = await create();
  await store.put(manifestKey(old.upload_id), Buffer.from(JSON.stringify({ upload: old, parts: 1 })));
  const damaged = await create();
  await store.put(manifestKey(damaged.upload_id), Buffer.from('{'));
  await clock.turn(30 * DAY_MS);
  assert.equal(await cleanup.runOnce(), 0);
  assert.ok(monitor.log.some((line) => line.includes(`${manifestKey(damaged.upload_id)} is damaged`)));
  await monitor.stop();
});

test('an upload is kept if the list of its uses is damaged, or is the list of another upload', async () => {
  const { clock, store, uploads, cleanup, create, monitor } = await open({ upload_keep_ms: DAY_MS });
  const [one, other, removed] = [await create(), await create(), await create()];
  for (const { upload_id } of [one, other]) await uploads.use(upload_id, ['job-that-has-ended']);
  await endUses(store, removed.upload_id, 0);
  const [ofOne, ofOther, ofRemoved] = [one, other, removed].map(({ upload_id }) => useKey(upload_id, 1)) as [
    string,
    string,
    string,
  ];
  const removal = await store.get(ofRemoved);
  const use = await store.get(ofOne);
  assert.ok(removal.found && use.found);
  await store.put(ofOther, removal.bytes);
  await store.put(ofOne, Buffer.from(Buffer.from(use.bytes).toString().replace('job-that', 'job-this')));
  await clock.turn(10 * DAY_MS);
  assert.equal(await cleanup.runOnce(), 1, 'the one that was being removed');
  for (const key of [ofOne, ofOther])
    assert.ok(
      monitor.log.some((line) => line.includes(`${key} is damaged`)),
      key,
    );
  await assert.rejects(uploads.use(one.upload_id, ['job-2']), { code: 'upload_damaged' });
  await monitor.stop();
});

test('the parts of an upload that a job uses are kept if its manifest is missing', async () => {
  const { clock, store, cleanup, submit, create, keys, uploads, monitor } = await open();
  const waiting = await submit('job-1');
  const { upload_id: used } = await create();
  await uploads.use(used, ['job-that-has-ended']);
  for (const upload_id of [waiting, used]) await store.delete(manifestKey(upload_id));
  await clock.turn(10 * DAY_MS);
  assert.equal(await cleanup.runOnce(), 0);
  for (const upload_id of [waiting, used]) {
    assert.ok((await keys()).includes(partKey(upload_id, 1)));
    assert.ok(monitor.log.some((line) => line.includes(`${manifestKey(upload_id)} is missing`)));
  }
  await monitor.stop();
});

test('an interrupted removal is finished by the next run', async () => {
  const { clock, store, cleanup, create, keys, monitor } = await open();
  const { upload_id } = await create();
  await endUses(store, upload_id, 0);
  assert.equal(await cleanup.runOnce(), 1);
  await clock.turn(2 * DAY_MS);
  await cleanup.runOnce();
  assert.deepEqual(await keys(), []);
  await monitor.stop();
});

test('the note of an Idempotency-Key is removed once the commands window has passed', async () => {
  const { clock, cleanup, create, keys, monitor } = await open();
  await create('k1');
  await clock.turn(23 * HOUR_MS);
  await cleanup.runOnce();
  assert.ok((await keys()).includes('uploads/keys/k1.json'));
  await clock.turn(2 * HOUR_MS);
  await cleanup.runOnce();
  assert.equal((await keys()).includes('uploads/keys/k1.json'), false);
  await monitor.stop();
});
