/** Start and stop: bad settings are refused before anything is changed, and a stop finishes requests in progress. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startTestMonitor, temporaryDirectory } from '../test/processes/tmon.ts';
import { Caller, openMonitor } from '../test/servers/monitor.ts';
import { AUDIO, claim, complete, hold, register, submit } from '../test/servers/steps.ts';
import { systemClock } from './clock.ts';
import { readSettings, type Settings } from './config.ts';
import { startMonitor } from './main.ts';
import { MemoryStore } from './objects/memory.ts';
import type { PutIfAbsentResult } from './objects/store.ts';

const start = (settings: Partial<Settings>) =>
  startMonitor(readSettings({ store: 'memory:', listen: '127.0.0.1:0', log_level: 'silent', ...settings }, {}));

test('a wrong address is refused, one without the right form before the store is opened', async (t) => {
  const directory = join(temporaryDirectory(t), 'store');
  for (const listen of ['127.0.0.1', '8080', '127.0.0.1:99999', '127.0.0.1:x', 'http://127.0.0.1:80'])
    await assert.rejects(start({ listen, store: `dir:${directory}` }), { code: 'bad_listen' });
  assert.equal(existsSync(directory), false);
  // Reserved for documentation: no machine has it.
  await assert.rejects(start({ listen: '192.0.2.1:0' }), { code: 'bad_listen', hint: /0\.0\.0\.0/ });
});

test('[S9] it listens on every name of the loopback interface', async () => {
  const six = Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === '::1'),
  );
  for (const listen of ['localhost:0', '127.0.0.1:0', ...(six ? ['[::1]:0'] : [])]) {
    const monitor = await start({ listen });
    assert.equal((await new Caller(monitor.url).call('GET', '/livez')).status, 200, monitor.url);
    await monitor.stop();
  }
});

test('an unsupported value of a setting is refused with the supported ones', async () => {
  await assert.rejects(start({ queue: 'kafka://main' }), { code: 'bad_queue_url', hint: /embedded:/ });
  await assert.rejects(start({ fleet: 'gce:' }), { code: 'bad_fleet_url', hint: /local:ENGINE/ });
  await assert.rejects(start({ store: 'ftp://x' }), { code: 'bad_store_url', hint: /s3:\/\// });
  await assert.rejects(start({ allowed_origins: '*' }), { code: 'bad_setting' });
});

test('a port in use is refused with a hint, and the store is released', async (t) => {
  const directory = temporaryDirectory(t);
  const taken = createServer().listen(0, '127.0.0.1');
  t.after(() => void taken.close());
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address() as { port: number };
  const listen = `127.0.0.1:${port}`;
  await assert.rejects(start({ listen, store: `dir:${directory}` }), { code: 'port_in_use', hint: /--listen/ });
  await (await start({ store: `dir:${directory}` })).stop();
});

test('a second monitor on a directory is refused with the process of the first, which goes on', async (t) => {
  const first = await startTestMonitor(t);
  await assert.rejects(start({ store: `dir:${first.directory}` }), {
    code: 'store_locked',
    message: /in use by process \d+/,
    hint: /kill \d+/,
  });
  await submit(new Caller(first.url));
});

test('a store that breaks the requirements of the journal is refused', async () => {
  class Overwriting extends MemoryStore {
    override async putIfAbsent(key: string, bytes: Uint8Array): Promise<PutIfAbsentResult> {
      await this.put(key, bytes);
      return { created: true, server_ms: systemClock.now() };
    }
  }
  const settings = readSettings({ store: 'memory:', listen: '127.0.0.1:0', log_level: 'silent' }, {});
  await assert.rejects(startMonitor(settings, { store: new Overwriting(systemClock) }), {
    code: 'store_check_failed',
    hint: /tmon doctor/,
  });
});

test('a store that other instances may write to is polled, whatever its URL', async (t) => {
  class Shared extends MemoryStore {
    override readonly shared = true;
  }
  const objects = new Shared(systemClock);
  const first = await openMonitor(t, { objects, tail_poll_ms: 10 });
  const second = await openMonitor(t, { objects, tail_poll_ms: 10 });
  const { job_id } = await submit(first);
  await second.until('/jobs', (page) => JSON.stringify(page).includes(job_id));
});

/** A store whose journal writes can be held back. */
class SlowStore extends MemoryStore {
  #gate: PromiseWithResolvers<void> | null = null;
  #reached = Promise.withResolvers<void>();

  /** Resolves when a segment is held back. */
  hold(): Promise<void> {
    this.#gate = Promise.withResolvers();
    return this.#reached.promise;
  }

  release(): void {
    this.#gate?.resolve();
  }

  override async putIfAbsent(key: string, bytes: Uint8Array): Promise<PutIfAbsentResult> {
    if (key.startsWith('journal/') && this.#gate) {
      this.#reached.resolve();
      await this.#gate.promise;
    }
    return super.putIfAbsent(key, bytes);
  }
}

test('a stop finishes requests in progress, returns waiting claims empty, and writes the last views', async (t) => {
  const store = new SlowStore(systemClock);
  const monitor = await openMonitor(t, { objects: store, view_transition_ms: 3_600_000 });
  await register(monitor);
  const waiting = monitor.post('/workers/worker-1/claim', { wait_seconds: 20 });
  await monitor.get('/workers/worker-1');
  const held = store.hold();
  t.after(() => store.release());
  const submitted = monitor.post('/jobs', { audio_url: AUDIO });
  await held;
  const stopped = monitor.stop();
  assert.deepEqual((await waiting).body, { jobs: [] });
  store.release();
  const { status, headers, body } = await submitted;
  assert.deepEqual([status, headers.get('connection')], [201, 'close']);
  await stopped;
  await monitor.stop();
  await assert.rejects(monitor.get('/jobs'), { message: 'fetch failed' });
  assert.ok((await store.get(`jobs/active/${body.job_id}/state.json`)).found, 'the last views are there');
});

test('acknowledged writes survive a restart, and so do leases', async (t) => {
  const objects = new MemoryStore(systemClock);
  const first = await openMonitor(t, { objects });
  const held = await hold(first);
  const { job_id } = await submit(first);
  const key = { 'idempotency-key': 'over-a-restart' };
  const keyed = await first.post('/jobs', { audio_url: AUDIO }, key);
  const before = (await first.get('/jobs')).body;
  await first.stop();
  const second = await openMonitor(t, { objects });
  assert.deepEqual((await second.get('/jobs')).body, before);
  assert.equal((await second.post('/jobs', { audio_url: AUDIO }, key)).body.job_id, keyed.body.job_id);
  assert.equal((await complete(second, held)).state, 'COMPLETED');
  assert.equal((await claim(second))[0]?.id, job_id);
});

test('SIGTERM ends `tmon serve` with 0: a waiting claim returns, a second start finds everything', async (t: TestContext) => {
  const monitor = await startTestMonitor(t);
  const caller = new Caller(monitor.url);
  await register(caller);
  const waiting = caller.post('/workers/worker-1/claim', { wait_seconds: 20 });
  const { job_id } = await submit(caller, { tags: ['kept'] });
  const held = (await waiting).body.jobs[0];
  assert.equal(held.job.job_id, job_id);
  const again = caller.post('/workers/worker-1/claim', { wait_seconds: 20 });
  await caller.get('/workers/worker-1');
  const ended = await monitor.stop();
  assert.deepEqual((await again).body, { jobs: [] });
  assert.deepEqual([ended.code, ended.signal], [0, null], ended.stderr);
  assert.ok(readdirSync(join(monitor.directory, 'jobs/active')).includes(job_id));
  await monitor.restart();
  assert.equal((await caller.get(`/jobs/${job_id}`)).body.state, 'PROCESSING');
});
