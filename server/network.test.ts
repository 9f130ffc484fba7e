/** A monitor that other machines reach, as docs/security.md has it: its first key, TLS, proxies, and metrics at an address of their own. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { request as overHttps } from 'node:https';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import { temporaryDirectory } from '../test/processes/tmon.ts';
import { ADMIN_KEY, Caller, openMonitor } from '../test/servers/monitor.ts';
import { hashOfKey } from './access/secrets.ts';
import { systemClock } from './clock.ts';
import { readSettings, type Settings } from './config.ts';
import { startMonitor } from './main.ts';
import { MemoryStore } from './objects/memory.ts';
import type { ObjectStore } from './objects/store.ts';

/** This machine under a name that is not known to be: nothing else can reach it. */
const NETWORK = '127.1:0';

async function start(
  t: TestContext,
  settings: Partial<Settings>,
  { store = new MemoryStore(systemClock) as ObjectStore, log = (_: string, __: string) => {} } = {},
) {
  const defaults = { store: 'memory:', listen: NETWORK, log_level: 'silent' };
  const monitor = await startMonitor(readSettings({ ...defaults, ...settings }, {}), { store, log });
  let stopped = false;
  const stop = async () => {
    if (!stopped) await monitor.stop();
    stopped = true;
  };
  t.after(stop);
  return { ...monitor, stop, caller: new Caller(monitor.url) };
}

test('[S9] the first start on a network makes one admin key, and no later one makes another', async (t) => {
  const store = new MemoryStore(systemClock);
  const logged: string[] = [];
  const first = await start(t, {}, { store, log: (_, message) => logged.push(message) });
  assert.match(first.first_key ?? '', /^tmk_/);
  assert.equal((await first.caller.get('/jobs')).status, 401);
  const { body } = await first.caller.withKey(first.first_key!).get('/keys');
  assert.deepEqual(
    body.items.map(({ role, created_by }: { role: string; created_by: string }) => [role, created_by]),
    [['admin', 'monitor']],
  );
  await first.stop();
  assert.ok(logged.some((line) => /unencrypted/.test(line)));
  assert.ok(!logged.join('\n').includes('tmk_'));
  const second = await start(t, {}, { store });
  assert.equal(second.first_key, null);
  assert.equal((await second.caller.withKey(first.first_key!).get('/jobs')).status, 200);
});

test('[S9] a start on a network makes no key if the settings have an admin key', async (t) => {
  const monitor = await start(t, { admin_key_hash: hashOfKey(ADMIN_KEY) });
  assert.equal(monitor.first_key, null);
  assert.equal((await monitor.caller.get('/keys')).status, 401);
  assert.deepEqual((await monitor.caller.withKey(ADMIN_KEY).get('/keys')).body.items, []);
});

test('[S9] on loopback a monitor without keys makes none, and warns a caller that sends one', async (t) => {
  const monitor = await start(t, { listen: '127.0.0.1:0' });
  assert.equal(monitor.first_key, null);
  const { status, headers } = await monitor.caller.withKey('anything').get('/jobs');
  assert.equal(status, 200);
  assert.match(headers.get('tmon-warning') ?? '', /not checked/);
  assert.equal((await monitor.caller.get('/jobs')).headers.get('tmon-warning'), null);
});

test('wrong secrets, certificates and proxies are refused at the start', async (t) => {
  const directory = temporaryDirectory(t);
  const refused: Partial<Settings>[] = [
    { key_pepper: 'short' },
    { key_pepper_file: join(directory, 'none') },
    { admin_key_hash: 'abc' },
    { admin_key_hash: 'a'.repeat(64), admin_key_hash_file: '/x' },
    { tls_cert: join(directory, 'cert.pem') },
    { tls_cert: join(directory, 'cert.pem'), tls_key: join(directory, 'key.pem') },
    { trusted_proxies: '10.0.0.0/8, proxy.example' },
    { trusted_proxies: '10.0.0.0/33' },
  ];
  for (const settings of refused) {
    await assert.rejects(start(t, settings), { code: 'bad_setting' }, JSON.stringify(settings));
  }
});

function makeCertificate(directory: string, name: string): void {
  const subject = ['-subj', `/CN=${name}`, '-days', '2', '-nodes', '-newkey', 'rsa:2048'];
  const files = ['-keyout', join(directory, `${name}.key`), '-out', join(directory, `${name}.crt`)];
  execFileSync('openssl', ['req', '-x509', ...subject, ...files], { stdio: 'ignore' });
}

/** The name in the certificate that the server shows, and its status for this path. */
function shown(url: string, path: string, tls: SecureContextOptions = {}): Promise<{ name: string; status: number }> {
  return new Promise((resolve, reject) => {
    const call = overHttps(`${url}${path}`, { rejectUnauthorized: false, agent: false, ...tls }, (response) => {
      const { subject } = (response.socket as TLSSocket).getPeerCertificate();
      response.resume().on('end', () => resolve({ name: String(subject.CN), status: response.statusCode ?? 0 }));
    });
    call.on('error', reject);
    call.end();
  });
}

test('HTTPS is served with a certificate that is read again when it changes; a wrong one changes nothing', async (t) => {
  const directory = temporaryDirectory(t);
  for (const name of ['one', 'two']) makeCertificate(directory, name);
  const [tls_cert, tls_key] = [join(directory, 'now.crt'), join(directory, 'now.key')];
  const use = (certificate: string, key: string) => {
    cpSync(join(directory, `${certificate}.crt`), tls_cert);
    cpSync(join(directory, `${key}.key`), tls_key);
  };
  use('one', 'one');
  const monitor = await start(t, { tls_cert, tls_key });
  assert.match(monitor.url, /^https:/);
  assert.deepEqual(await shown(monitor.url, '/api/v1/jobs'), { name: 'one', status: 401 });
  use('two', 'one');
  await monitor.reload();
  assert.equal((await shown(monitor.url, '/livez')).name, 'one');
  use('two', 'two');
  await monitor.reload();
  assert.deepEqual(await shown(monitor.url, '/livez'), { name: 'two', status: 200 });
  const strong = { ciphers: 'ECDHE-RSA-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' } as const;
  assert.equal((await shown(monitor.url, '/livez', strong)).status, 200);
  for (const ciphers of ['ECDHE-RSA-AES256-SHA384', 'AES256-GCM-SHA384']) {
    await assert.rejects(shown(monitor.url, '/livez', { ...strong, ciphers }), /handshake failure/, ciphers);
  }
  const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  await assert.rejects(shown(monitor.url, '/livez', old));
});

test('metrics at an address of their own need no key, and nothing else is served there', async (t) => {
  const taken = await openMonitor(t);
  const port = Number(new URL(taken.url).port);
  await taken.stop();
  const monitor = await start(t, { metrics_listen: `127.0.0.1:${port}` });
  const own = new Caller(`http://127.0.0.1:${port}`);
  const { status, text } = await own.call('GET', '/metrics');
  assert.equal(status, 200);
  assert.match(text, /transcription_monitor_/);
  for (const path of ['/', '/api/v1/jobs', '/livez']) assert.equal((await own.call('GET', path)).status, 404);
  assert.equal((await monitor.caller.call('GET', '/metrics')).status, 401);
  await monitor.stop();
  await assert.rejects(own.call('GET', '/metrics'));
});

test('X-Forwarded-Host counts only from a trusted proxy', async (t) => {
  const headers = { origin: 'https://monitor.example.com', 'x-forwarded-host': 'monitor.example.com' };
  const plain = await start(t, { admin_key_hash: hashOfKey(ADMIN_KEY) });
  assert.equal((await plain.caller.withKey(ADMIN_KEY).get('/jobs', headers)).status, 403);
  const behind = await start(t, { admin_key_hash: hashOfKey(ADMIN_KEY), trusted_proxies: 'loopback' });
  assert.equal((await behind.caller.withKey(ADMIN_KEY).get('/jobs', headers)).status, 200);
});

test('a worker that the monitor launches has a key of its own, which is in no store', async (t) => {
  const store = new MemoryStore(systemClock);
  const monitor = await start(t, { fleet: `local:exec:sh -c 'echo hello > "$2"' sh {input} {output}` }, { store });
  const admin = monitor.caller.withKey(monitor.first_key!);
  const { body } = await admin.post('/workers', {});
  const worker = await admin.until(`/workers/${body.worker_id}`, ({ state }) => state !== 'STARTING');
  assert.notEqual(worker.state, 'TERMINATED');
  const { items } = (await admin.get('/keys')).body;
  assert.equal(items.length, 1);
  const entries = (await admin.get(`/audit?entity=${body.worker_id}&event=WorkerRegistered`)).body.items;
  assert.equal(entries[0].actor, `worker:${body.worker_id}`);
});
