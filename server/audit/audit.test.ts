/** The audit outlives the journal: kept before segments are truncated, in a chain across days, by one of several instances. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditEntry } from '../../protocol/audit.ts';
import { DAY_MS, HOUR_MS } from '../../protocol/time.ts';
import { segmentKey } from '../journal/keys.ts';
import { MemoryStore } from '../objects/memory.ts';
import type { ObjectStore } from '../objects/store.ts';
import { TurnedClock } from '../testing-clock.ts';
import { keysIn, TestMonitor, WatchedStore } from '../views/testing-monitor.ts';
import { AuditKeeper } from './keeping.ts';
import { AUDIT, decodeAudit } from './objects.ts';
import { auditBefore, entriesBefore, verifyAudit } from './reading.ts';

const MARKER = 'mkrQ7x';

async function open(store: ObjectStore, clock: TurnedClock, { audit_days = 400, shared = false } = {}) {
  const retention_ms = DAY_MS;
  const monitor = await TestMonitor.open({ store, clock, shared, settings: { retention_ms } });
  const keeper = new AuditKeeper({ engine: monitor.engine, store, settings: { audit_days, retention_ms } });
  return { monitor, keeper, truncate: async () => monitor.engine.journal.truncate(await keeper.runOnce()) };
}

function start() {
  const clock = new TurnedClock('2027-01-30T22:30:00Z');
  return { clock, store: new MemoryStore(clock) };
}

/** As an application would. */
async function submit({ engine }: TestMonitor, job_id: string): Promise<void> {
  const body = { type: 'submit_jobs' as const, jobs: [{ job_id, audio_url: `s3://a/${MARKER}`, tags: [MARKER] }] };
  const origin = { request_id: `req-${job_id}`, address: '203.0.113.7' };
  await engine.submit({ id: `c-${job_id}`, fingerprint: '', actor: 'key:abc', origin, body });
}

async function entriesIn(store: ObjectStore): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  const end = { seq: Number.MAX_SAFE_INTEGER, index: Number.MAX_SAFE_INTEGER };
  for await (const { object } of auditBefore(store, { seq: end.seq, after_date: null })) {
    entries.push(...entriesBefore(object!, end));
  }
  return entries;
}

const verdicts = async (store: ObjectStore) =>
  (await verifyAudit(store)).map(({ verdict, says }) => `${verdict}: ${says}`);

test('what somebody did is kept without a word of a job when its segments have been truncated', async () => {
  const { clock, store } = start();
  const { monitor, truncate } = await open(store, clock);
  for (let day = 0; day < 4; day += 1) {
    await submit(monitor, `job-${day}`);
    await monitor.engine.journal.snapshot();
    await clock.turn(HOUR_MS);
    await truncate();
    clock.leap(DAY_MS);
    await truncate();
  }
  assert.equal((await store.get(segmentKey(1))).found, false, 'truncated');
  const entries = await entriesIn(store);
  assert.deepEqual(
    entries.map(({ event, entity, actor, key_id, request_id, address }) => [
      event,
      entity,
      actor,
      key_id,
      request_id,
      address,
    ]),
    [3, 2, 1, 0].map((day) => ['JobSubmitted', `job-${day}`, 'key:abc', 'abc', `req-job-${day}`, '203.0.113.7']),
  );
  for (const key of await keysIn(store, AUDIT)) {
    const object = await store.get(key);
    assert.ok(object.found && !Buffer.from(object.bytes).includes(MARKER), key);
  }
  assert.match(
    (await verdicts(store)).join(),
    /^pass: the audit is whole from 2027-01-30 to segment 4: 4 entries in 4 objects$/,
  );
  await monitor.stop();
});

test('an object begins at each day, and within one at most every hour', async () => {
  const { clock, store } = start();
  const { monitor, keeper } = await open(store, clock);
  for (let minute = 0; minute < 240; minute += 10) {
    await submit(monitor, `job-${minute}`);
    await keeper.runOnce();
    await clock.turn(600_000);
  }
  const keys = await keysIn(store, AUDIT);
  assert.ok(keys.length >= 4 && keys.length <= 6, String(keys.length));
  assert.deepEqual([...new Set(keys.map((key) => key.slice(6, 21)))], ['date=2027-01-30', 'date=2027-01-31']);
  await monitor.stop();
});

test('no segment is truncated that is not in the audit, also if the store takes no object of it', async () => {
  const { clock, store: memory } = start();
  const store = new WatchedStore(memory);
  const { monitor, truncate } = await open(store, clock);
  store.onCall = ({ name, key }) => {
    if (name === 'putIfAbsent' && key.startsWith(AUDIT)) throw new Error('refused');
    return undefined;
  };
  await submit(monitor, 'job-1');
  await monitor.engine.journal.snapshot();
  await submit(monitor, 'job-2');
  await monitor.engine.journal.snapshot();
  clock.leap(3 * DAY_MS);
  await assert.rejects(truncate(), /refused/);
  assert.ok((await memory.get(segmentKey(1))).found);
  store.onCall = () => undefined;
  await truncate();
  assert.equal((await memory.get(segmentKey(1))).found, false);
  assert.equal((await entriesIn(memory)).length, 2);
  monitor.crash();
});

test('after a crash, and in two instances, each segment is in one object, and the chain is whole', async () => {
  const { clock, store } = start();
  const first = await open(store, clock);
  await submit(first.monitor, 'job-1');
  clock.leap(2 * HOUR_MS);
  await first.keeper.runOnce();
  await submit(first.monitor, 'job-2');
  first.monitor.crash();
  const [one, two] = [await open(store, clock, { shared: true }), await open(store, clock, { shared: true })];
  for (let n = 3; n < 9; n += 1) {
    await submit(n % 2 === 0 ? one.monitor : two.monitor, `job-${n}`);
    for (const { monitor } of [one, two]) await monitor.engine.journal.catchUp();
    clock.leap(2 * HOUR_MS);
    await Promise.all([one.keeper.runOnce(), two.keeper.runOnce()]);
  }
  assert.deepEqual(
    (await entriesIn(store)).map(({ entity }) => entity),
    [8, 7, 6, 5, 4, 3, 2, 1].map((n) => `job-${n}`),
  );
  assert.match((await verdicts(store)).join(), /^pass/);
  for (const { monitor } of [one, two]) await monitor.stop();
});

test('[S30] a changed, removed or exchanged object of the audit is found, and so is a journal that does not continue it', async () => {
  const { clock, store } = start();
  const { monitor, keeper } = await open(store, clock);
  for (let n = 0; n < 4; n += 1) {
    await submit(monitor, `job-${n}`);
    clock.leap(2 * HOUR_MS);
    await keeper.runOnce();
  }
  await monitor.stop();
  const keys = await keysIn(store, AUDIT);
  const whole = await Promise.all(
    keys.map(async (key) => Buffer.from(((await store.get(key)) as { bytes: Uint8Array }).bytes)),
  );
  const wrong = async (change: () => Promise<void>, restore: () => Promise<void>): Promise<string> => {
    await change();
    const said = (await verdicts(store)).join();
    await restore();
    assert.match((await verdicts(store)).join(), /^pass/);
    return said;
  };
  const at = 1;
  const back = () => store.put(keys[at]!, whole[at]!);
  const changed = Buffer.from(whole[at]!.toString().replace('key:abc', 'key:abd'));
  assert.match(await wrong(() => store.put(keys[at]!, changed), back), /fail: .* is damaged/);
  assert.match(await wrong(() => store.delete(keys[at]!), back), /fail: .* does not follow .*: the chain is broken/);
  const object = decodeAudit(whole[at]!)!;
  assert.equal(object.header.prev, decodeAudit(whole[0]!)!.sha256);
  const last = segmentKey(decodeAudit(whole.at(-1)!)!.header.through_seq);
  const segment = Buffer.from(((await store.get(last)) as { bytes: Uint8Array }).bytes);
  for (const key of await keysIn(store, 'journal/')) await store.delete(key);
  await store.put(segmentKey(99), segment);
  assert.match((await verdicts(store)).join(), /fail: .* ends at segment \d+, and the journal begins/);
});

test('objects are deleted after audit_days; with 0 there is no audit, and the journal is truncated alone', async () => {
  const { clock, store } = start();
  const { monitor, keeper } = await open(store, clock, { audit_days: 3 });
  for (let day = 0; day < 6; day += 1) {
    await submit(monitor, `job-${day}`);
    clock.leap(DAY_MS);
    await keeper.runOnce();
  }
  const entities = (await entriesIn(store)).map(({ entity }) => entity);
  assert.deepEqual(entities, ['job-5', 'job-4', 'job-3']);
  assert.match((await verdicts(store)).join(), /pass: /);
  await monitor.stop();
  const other = start();
  const without = await open(other.store, other.clock, { audit_days: 0 });
  await submit(without.monitor, 'job-1');
  clock.leap(DAY_MS);
  assert.equal(await without.keeper.runOnce(), Number.POSITIVE_INFINITY);
  assert.deepEqual(await keysIn(other.store, AUDIT), []);
  await without.monitor.stop();
});
