/** The record of a store's checks decides whether and how it is used; both passes and failures are remembered. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '../clock.ts';
import { TurnedClock } from '../testing-clock.ts';
import { assureStore, examineStore } from './assured-store.ts';
import { GuardedStore, UNSAFE_KEY } from './guarded-store.ts';
import { MemoryStore } from './memory.ts';
import { type ObjectStore, type PutIfAbsentResult, StoreError, type StoreIdentity } from './store.ts';
import { CHECK_KEY } from './store-record.ts';

const GOOD = { endpoint: 'http://127.0.0.1:9000', options: '', headers: { server: 'MinIO' } };
const UNKNOWN = { endpoint: 'http://127.0.0.1:9000', options: '', headers: { server: 'Unknown/1.0' } };
const MOTO = { endpoint: 'http://127.0.0.1:5000', options: '', headers: { server: 'Werkzeug/3.1.9 Python/3.11.7' } };

/** A server with a name, which may break its promise; counts the puts of its race. */
class Server extends MemoryStore {
  identity: StoreIdentity = UNKNOWN;
  ignores = false;
  raced = 0;

  async identify(): Promise<StoreIdentity> {
    return this.identity;
  }

  override async putIfAbsent(key: string, bytes: Uint8Array): Promise<PutIfAbsentResult> {
    if (key.includes('/race/')) this.raced += 1;
    if (!this.ignores) return await super.putIfAbsent(key, bytes);
    await this.put(key, bytes);
    return { created: true, server_ms: systemClock.now() };
  }
}

function serverOf(identity: StoreIdentity, faults: { ignores?: boolean } = {}): Server {
  return Object.assign(new Server(systemClock), { identity, ...faults });
}

const log = () => {};
const assure = (store: ObjectStore) => assureStore(store, { log });
const keysOf = async (store: ObjectStore) => (await Array.fromAsync(store.list(''))).map(({ key }) => key);

describe('a store before its use', () => {
  test('that is unknown races 32 writers for 50 keys, and is guarded', async () => {
    const server = serverOf(UNKNOWN);
    const warnings: string[] = [];
    const store = await assureStore(server, { log: (_, message) => warnings.push(message) });
    assert.ok(store instanceof GuardedStore);
    assert.equal(server.raced, 32 * 50);
    assert.match(warnings.join(), /Unknown\/1\.0 is not a known store/);
  });

  test('that is known to be good has a short check, and is used unguarded', async () => {
    const server = serverOf(GOOD);
    assert.equal(await assure(server), server);
    assert.equal(server.raced, 8 * 4);
  });

  test('with some good versions has the long check, and is used unguarded', async () => {
    const server = serverOf({ ...GOOD, headers: { server: 'VERSITYGW' } });
    assert.equal(await assure(server), server);
    assert.equal(server.raced, 32 * 50);
  });

  test('that is known to be bad is refused by its name at once', async () => {
    const server = serverOf(MOTO);
    await assert.rejects(assure(server), { kind: 'refused', code: 'store_known_bad', message: /is on moto/ });
    assert.deepEqual(await keysOf(server), []);
  });

  test('that passed is not checked again', async () => {
    const server = serverOf(UNKNOWN);
    await assure(server);
    server.raced = 0;
    assert.ok((await assure(server)) instanceof GuardedStore);
    assert.equal(server.raced, 0);
  });

  const changes: [what: string, (server: Server) => void][] = [
    [
      'another endpoint',
      (server) => Object.assign(server, { identity: { ...GOOD, endpoint: 'http://127.0.0.1:9001' } }),
    ],
    ['another server', (server) => Object.assign(server, { identity: { ...GOOD, headers: { server: 'MinIO/2' } } })],
    ['other options', (server) => Object.assign(server, { identity: { ...GOOD, options: 'aws:kms' } })],
  ];
  for (const [what, change] of changes) {
    test(`that passed is checked again with ${what}`, async () => {
      const server = serverOf(GOOD);
      await assure(server);
      change(server);
      server.raced = 0;
      await assure(server);
      assert.ok(server.raced > 0);
    });
  }

  test('that passed an earlier version of the check is checked again', async () => {
    const server = serverOf(GOOD);
    await server.put(CHECK_KEY, Buffer.from('{"url":"s3://bucket","passed":true,"findings":[]}\n'));
    await assure(server);
    assert.ok(server.raced > 0);
  });

  test('that failed once is refused at every later start, even if it would pass now', async () => {
    const server = serverOf(UNKNOWN, { ignores: true });
    await assert.rejects(assure(server), { kind: 'refused', code: 'store_check_failed' });
    server.ignores = false;
    server.raced = 0;
    for (let start = 0; start < 3; start++) {
      await assert.rejects(assure(server), { kind: 'refused', code: 'store_unsafe', hint: /doctor .* --recheck/ });
    }
    assert.equal(server.raced, 0);
  });

  test('that failed is checked again if another server responds, and used if that one passes', async () => {
    const server = serverOf(UNKNOWN, { ignores: true });
    await assert.rejects(assure(server), { code: 'store_check_failed' });
    Object.assign(server, { ignores: false, identity: GOOD });
    await assure(server);
    assert.ok(!(await keysOf(server)).includes(UNSAFE_KEY));
  });

  test('is used again after doctor --recheck, which takes three full checks; a plain doctor does not clear it', async () => {
    const server = serverOf(UNKNOWN, { ignores: true });
    await assert.rejects(assure(server), { code: 'store_check_failed' });
    assert.equal((await examineStore(server, { recheck: true })).passed, false, 'it still breaks its promise');
    server.ignores = false;
    assert.equal((await examineStore(server, {})).passed, false);
    await assert.rejects(assure(server), { code: 'store_unsafe' });
    server.raced = 0;
    assert.equal((await examineStore(server, { recheck: true })).passed, true);
    assert.equal(server.raced, 3 * 64 * 200);
    await assure(server);
  });

  test('that breaks its promise in a doctor run is refused by the monitor', async () => {
    const server = serverOf(UNKNOWN, { ignores: true });
    assert.equal((await examineStore(server, {})).passed, false);
    server.ignores = false;
    await assert.rejects(assure(server), { code: 'store_unsafe' });
  });

  test('that is busy is not unsafe: the check is unfinished, and the next start checks again', async () => {
    class Busy extends Server {
      busy = true;
      override async delete(key: string) {
        if (this.busy) {
          throw new StoreError('unavailable', 'store_unavailable', '503 SlowDown', { hint: 'try later' });
        }
        await super.delete(key);
      }
    }
    const clock = new TurnedClock('2026-11-21T18:00:00Z');
    const server = Object.assign(new Busy(clock), { identity: GOOD });
    const starting = assureStore(server, { clock, log });
    const refused = assert.rejects(starting, {
      kind: 'unavailable',
      code: 'store_check_unfinished',
      message: /gone after delete: could not be finished: 503 SlowDown/,
    });
    for (let turns = 0; turns < 60; turns++) await clock.turn(1_000);
    await refused;
    assert.ok(!(await keysOf(server)).includes(UNSAFE_KEY));
    server.busy = false;
    assert.equal(await assureStore(server, { clock, log }), server);
  });

  test('that denies access is refused, and used once it allows it', async () => {
    class Denies extends Server {
      denies = true;
      override async delete(key: string) {
        if (this.denies) throw new StoreError('refused', 'store_denied', 'access is denied');
        await super.delete(key);
      }
    }
    const server = Object.assign(new Denies(systemClock), { identity: GOOD });
    await assert.rejects(assure(server), { kind: 'refused', code: 'store_check_failed', message: /access is denied/ });
    server.denies = false;
    await assure(server);
  });

  test('without a server, such as a directory, is checked once', async () => {
    const store = new MemoryStore(systemClock);
    assert.equal(await assure(store), store);
    assert.deepEqual(await keysOf(store), [CHECK_KEY]);
  });
});

describe('a guarded store in use', () => {
  const bytes = new TextEncoder().encode('a segment');
  const key = 'journal/00000000000000000001.ndjson';

  test('that confirms a key to two writers is refused before the segment is acknowledged, now and at the next start', async () => {
    const server = serverOf(UNKNOWN);
    const store = await assure(server);
    server.ignores = true;
    await assert.rejects(store.putIfAbsent(key, bytes), { kind: 'refused', code: 'store_unsafe' });
    server.ignores = false;
    await assert.rejects(store.putIfAbsent(key, bytes), { kind: 'refused', code: 'store_unsafe' });
    await assert.rejects(assure(server), { kind: 'refused', code: 'store_unsafe' });
  });

  test('that another instance found unsafe is refused by this one at its next segment', async () => {
    const server = serverOf(UNKNOWN);
    const [first, second] = [await assure(server), await assure(server)];
    assert.equal((await second.putIfAbsent(key, bytes)).created, true);
    server.ignores = true;
    await assert.rejects(first.putIfAbsent('journal/00000000000000000002.ndjson', bytes), { code: 'store_unsafe' });
    server.ignores = false;
    await assert.rejects(second.putIfAbsent('journal/00000000000000000003.ndjson', bytes), { code: 'store_unsafe' });
  });

  test('leaves no flag behind', async () => {
    const server = serverOf(UNKNOWN);
    const store = await assure(server);
    assert.equal((await store.putIfAbsent(key, bytes)).created, true);
    assert.equal((await store.putIfAbsent(key, bytes)).created, false);
    assert.deepEqual(await keysOf(server), [key, CHECK_KEY]);
  });
});
