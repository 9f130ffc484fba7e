/** A crash before or after any effect of an erasure: the next start completes it, and nothing else is lost. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../protocol/time.ts';
import { MemoryStore } from '../objects/memory.ts';
import type { ObjectStore } from '../objects/store.ts';
import { TurnedClock } from '../testing-clock.ts';
import { transcriptKey } from '../transcripts/keys.ts';
import { Uploads } from '../uploads/uploads.ts';
import { readArchivedJob } from '../views/archived-records.ts';
import { submitOwn } from '../views/own-command.ts';
import { assertNamed } from '../views/testing-archive.ts';
import { keysIn, TestMonitor, WatchedStore } from '../views/testing-monitor.ts';
import { eraseJobs } from './erase.ts';
import { Erasing } from './erasing.ts';

const MARKER = 'mkrQ7x';
const SETTINGS = { finished_window_ms: HOUR_MS, view_puts_per_second: 100_000, retention_ms: 2 * HOUR_MS };
const ERASED = ['archived-1', 'archived-2', 'alone', 'in-memory'];

const open = (store: ObjectStore, clock: TurnedClock) => TestMonitor.open({ store, clock, settings: SETTINGS });

/** Two jobs in a pack with one that stays, one in a pack of its own, one in memory. */
async function written(): Promise<{ clock: TurnedClock; store: MemoryStore }> {
  const clock = new TurnedClock('2025-07-07T19:30:00Z');
  const store = new MemoryStore(clock);
  const monitor = await open(store, clock);
  const { engine } = monitor;
  const uploads = new Uploads({
    store,
    settings: { upload_bytes_max: 1e9, uploads_at_once: 1 },
    now: () => engine.journal.now(),
  });
  const submit = async (job_id: string, audio_url: string) => {
    await monitor.do({ type: 'submit_jobs', jobs: [{ job_id, audio_url }] });
    await monitor.do({ type: 'cancel_job', job_id });
  };
  const { upload_id, audio_url } = await uploads.create({
    stream: Readable.from([Buffer.from(MARKER)]),
    file_name: async () => MARKER,
    key: 'k1',
  });
  await uploads.use(upload_id, ['archived-1']);
  await submit('archived-1', audio_url);
  await submit('archived-2', `s3://audio/${MARKER}`);
  await submit('innocent', 's3://audio/other');
  await store.putIfAbsent(transcriptKey('archived-2', 'json'), Buffer.from(MARKER));
  await clock.turn(2 * HOUR_MS);
  while ((await monitor.archive.runOnce()) > 0);
  await submit('alone', `s3://audio/${MARKER}`);
  await clock.turn(2 * HOUR_MS);
  while ((await monitor.archive.runOnce()) > 0);
  await submit('in-memory', `s3://audio/${MARKER}`);
  await monitor.stop();
  return { clock, store };
}

async function playErasure(monitor: TestMonitor, store: ObjectStore, clock: TurnedClock): Promise<void> {
  const { engine } = monitor;
  const submit = (body: Parameters<typeof submitOwn>[1]) => submitOwn(engine, body);
  await eraseJobs({ engine, store }, ERASED, { by: 'key:k', reason: 'request', submit });
  const options = {
    engine,
    store,
    clock,
    settings: SETTINGS,
    publisher: monitor.publisher,
    truncate: () => engine.journal.truncate(),
  };
  const erasing = new Erasing({ ...options, forgetCopies: async () => {}, log: () => {} });
  for (let hour = 0; hour < 5; hour += 1) {
    while (await erasing.runOnce());
    while ((await monitor.archive.runOnce()) > 0);
    clock.leap(hour === 4 ? 11 * MINUTE_MS : HOUR_MS);
  }
  while (await erasing.runOnce());
}

async function markedKeys(store: ObjectStore): Promise<string[]> {
  const marked: string[] = [];
  for (const key of await keysIn(store, '')) {
    const object = await store.get(key);
    if (object.found && Buffer.from(object.bytes).includes(MARKER)) marked.push(key);
  }
  return marked;
}

async function copyOf(store: MemoryStore, clock: TurnedClock): Promise<MemoryStore> {
  const copy = new MemoryStore(clock);
  for (const key of await keysIn(store, '')) {
    const object = await store.get(key);
    if (object.found) await copy.putIfAbsent(key, object.bytes);
  }
  return copy;
}

test('a crash before or after any effect of an erasure is completed by the next start', async () => {
  const start = await written();
  assert.ok((await markedKeys(start.store)).length >= 6);
  let crashes = 0;
  for (let at = 1; ; at += 1) {
    // An effect that is not seen to have happened is the next one's crash before it.
    const applied = at % 2 === 0;
    const clock = new TurnedClock(new Date(start.clock.now()).toISOString());
    const memory = await copyOf(start.store, clock);
    const store = new WatchedStore(memory);
    const monitor = await open(store, clock);
    let effects = 0;
    const crashed = Promise.withResolvers<'crashed'>();
    // From this effect on no call returns, as for a dead process.
    store.onCall = ({ name }, done) => {
      if (!done && name !== 'get' && name !== 'list') effects += 1;
      if (effects < at || (effects === at && applied && !done)) return undefined;
      crashed.resolve('crashed');
      return new Promise(() => {});
    };
    const played = playErasure(monitor, store, clock).then(() => 'played' as const);
    played.catch(() => undefined);
    const ending = await Promise.race([played, crashed.promise]);
    monitor.crash();
    if (ending === 'played') {
      await assertErased(monitor, memory, 'without a crash');
      break;
    }
    crashes += 1;
    const again = await open(memory, clock);
    // What a crash leaves of a replaced pack is swept a day later.
    for (let day = 0; day < 3; day += 1) {
      await playErasure(again, memory, clock);
      clock.leap(DAY_MS);
      await again.submit(`later-${day}`);
    }
    await playErasure(again, memory, clock);
    await assertErased(again, memory, `crash at effect ${at}`);
    again.crash();
  }
  assert.ok(crashes > 40, `only ${crashes} crashes`);
});

async function assertErased({ engine }: TestMonitor, store: MemoryStore, when: string): Promise<void> {
  const { state } = engine;
  assert.deepEqual(await markedKeys(store), [], when);
  assert.deepEqual([...state.tables.erasures.keys()], [], when);
  for (const job_id of ERASED) assert.equal(await readArchivedJob(store, state, job_id), undefined, when);
  assert.equal((await readArchivedJob(store, state, 'innocent'))?.job.audio_url, 's3://audio/other', when);
  assert.equal(
    state.scalars.archived_jobs,
    [...state.tables.packs.values()].reduce((sum, p) => sum + p.count - p.stale.length, 0),
  );
  await assertNamed(store, state);
}
