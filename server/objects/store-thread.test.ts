/** A store in a thread behaves like the store itself: the same results, lists, addresses and errors. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { systemClock } from '../clock.ts';
import { checkStore, servingCheck } from './check-store.ts';
import { DirectoryStore } from './directory.ts';
import { type ObjectStore, StoreError } from './store.ts';
import { openStoreInThread } from './store-thread.ts';

let root: string;

beforeEach(async () => {
  // Characters that URLs encode.
  root = await mkdtemp(join(tmpdir(), 'tmon thread % '));
});

afterEach(() => rm(root, { recursive: true }));

const open = (): Promise<ObjectStore> => openStoreInThread(`dir:${root}`, { clock: systemClock, lock: true });

const keysOf = async (store: ObjectStore, prefix: string, after?: string): Promise<string[]> =>
  (await Array.fromAsync(store.list(prefix, after === undefined ? {} : { after }))).map(({ key }) => key);

test('meets the requirements of a store', async () => {
  const store = await open();
  const { passed, findings } = await checkStore(store, servingCheck);
  assert.ok(passed, JSON.stringify(findings));
  await store.close();
});

test('callers keep their bytes, and each gets its own result', async () => {
  const store = await open();
  // Parts of one pool, as small Buffers are.
  const keys = Array.from({ length: 300 }, (_, n) => `a/${n}`);
  const bytes = keys.map((key) => Buffer.from(`bytes of ${key}`));
  const created = await Promise.all(keys.map((key, n) => store.putIfAbsent(key, bytes[n]!)));
  assert.ok(created.every((one) => one.created));
  assert.deepEqual(
    bytes.map(String),
    keys.map((key) => `bytes of ${key}`),
  );
  assert.equal((await store.putIfAbsent('a/7', Buffer.from('again'))).created, false);
  await store.put('a/8', Buffer.from('newer'));
  await store.delete('a/9');
  const got = await Promise.all(['a/7', 'a/8', 'a/9'].map((key) => store.get(key)));
  assert.deepEqual(
    got.map((one) => one.found && Buffer.from(one.bytes).toString()),
    ['bytes of a/7', 'newer', false],
  );
  await store.close();
});

test('lists of any length are complete and ordered; an abandoned list is released', async () => {
  const store = await open();
  const keys = Array.from({ length: 2_345 }, (_, n) => `list/${String(n).padStart(5, '0')}`);
  await Promise.all(keys.map((key) => store.put(key, new Uint8Array(1))));
  assert.deepEqual(await keysOf(store, 'list/'), keys);
  assert.deepEqual(await keysOf(store, 'list/', keys[2_000]), keys.slice(2_001));
  assert.deepEqual(await keysOf(store, 'none/'), []);
  for await (const { key } of store.list('')) {
    assert.equal(key, keys[0]);
    break;
  }
  assert.deepEqual(await keysOf(store, 'list/', keys.at(-2)), keys.slice(-1));
  await store.close();
});

test('returns the same address of an object as the store itself', async () => {
  const store = await open();
  assert.equal(store.url, `dir:${root}`);
  assert.equal(store.locate('a/b=1.json'), pathToFileURL(join(root, 'a/b=1.json')).href);
  assert.deepEqual(await store.inspect?.(), await (await DirectoryStore.open(root, { lock: false })).inspect());
  assert.equal(store.shared, false);
  await store.close();
  const bucket = await openStoreInThread('S3://bucket/prefix', { clock: systemClock, lock: true });
  assert.deepEqual([bucket.url, bucket.shared], ['s3://bucket/prefix', true]);
  await bucket.close();
});

test('errors keep their kind, code and hint', async () => {
  const store = await open();
  await assert.rejects(open(), (error) => {
    assert.ok(error instanceof StoreError);
    assert.deepEqual([error.kind, error.code], ['refused', 'store_locked']);
    assert.match(error.message, new RegExp(`in use by process ${process.pid}$`));
    assert.match(error.hint ?? '', /stop it first/);
    return true;
  });
  await assert.rejects(store.put('../a', new Uint8Array(1)), { kind: 'refused', code: 'bad_key' });
  await assert.rejects(keysOf(store, '/'), { kind: 'refused', code: 'bad_key' });
  await store.putIfAbsent('a', new Uint8Array(1));
  await assert.rejects(store.putIfAbsent('a/b', new Uint8Array(1)), { kind: 'refused', code: 'key_conflict' });
  await store.close();
  await assert.rejects(store.get('a'), { kind: 'unavailable', message: 'the store is closed' });
  await assert.rejects(openStoreInThread('ftp://x', { clock: systemClock, lock: true }), { code: 'bad_store_url' });
});

test('if the thread dies, pending and later requests fail, and the store reports it', async () => {
  const starting = nextThread();
  const store = await open();
  const thread = await starting;
  await store.put('a', new Uint8Array(1));
  const pending = assert.rejects(store.get('a'), { kind: 'unavailable' });
  await thread.terminate();
  await pending;
  assert.match((await store.failed!).message, /the store's thread has ended/);
  await assert.rejects(store.get('a'), { kind: 'unavailable', message: /thread has ended/ });
  await assert.rejects(store.close(), { kind: 'unavailable' });
  await (await DirectoryStore.open(root, { lock: true })).close();
});

test('a closed store has not failed, and its thread ends by itself; so does one that could not open a store', async () => {
  const starting = nextThread();
  const store = await open();
  const ended = once(await starting, 'exit');
  let failed = false;
  void store.failed?.then(() => {
    failed = true;
  });
  await store.put('a', new Uint8Array(1));
  await store.close();
  assert.deepEqual(await ended, [0]);
  assert.equal(failed, false);
  const empty = nextThread().then((thread) => once(thread, 'exit'));
  await assert.rejects(openStoreInThread('ftp://x', { clock: systemClock, lock: true }), { code: 'bad_store_url' });
  assert.deepEqual(await empty, [0]);
});

/** The thread that this process starts next. */
async function nextThread(): Promise<Worker> {
  const [thread] = await once(process, 'worker');
  return thread as Worker;
}

test('closing completes pending requests and releases the lock', async () => {
  const store = await open();
  const writing = Array.from({ length: 50 }, (_, n) => store.putIfAbsent(`a/${n}`, Buffer.from(String(n))));
  await Promise.all([...writing, store.close()]);
  assert.equal(await readFile(join(root, 'a/49'), 'utf8'), '49');
  assert.deepEqual(await readdir(join(root, '.tmp')), []);
  await (await DirectoryStore.open(root, { lock: true })).close();
});

test('identity, race and rules of a bucket work too, including the errors of a race', async () => {
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      const body = '<Error><Code>SlowDown</Code><Message>slower</Message></Error>';
      response.writeHead(503, { 'content-type': 'application/xml', server: 'Unknown/1.0' }).end(body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  const variables = { AWS_ENDPOINT_URL_S3: endpoint, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
  const before = { ...process.env };
  Object.assign(process.env, variables);
  try {
    const s3 = { requester_pays: true };
    const store = await openStoreInThread('s3://bucket/prefix', { clock: systemClock, lock: true, s3 });
    const { headers, ...identity } = await store.identify!();
    assert.deepEqual([identity, headers.server], [{ endpoint, options: 'requester-pays' }, 'Unknown/1.0']);
    const [result] = await store.race!('a', [Buffer.from('one')]);
    assert.ok(result && 'error' in result && result.error instanceof StoreError);
    assert.deepEqual([result.error.kind, result.error.hint !== undefined], ['unavailable', true]);
    assert.equal((await store.inspect!())[0]?.verdict, 'skip');
    await store.close();
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
    Object.assign(process.env, before);
    server.closeAllConnections();
    server.close();
  }
});
