/** The network that a company has: a certificate authority of its own, a proxy, and a sign-in before the monitor. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { runTmon, startTmon, temporaryDirectory } from '../test/processes/tmon.ts';
import { issueCertificate } from '../test/servers/authority.ts';
import { startForwardProxy } from '../test/servers/forward-proxy.ts';
import { openMonitor } from '../test/servers/monitor.ts';
import { submit } from '../test/servers/steps.ts';
import { prepareNetwork } from './network.ts';
import { clientCommand, shownServer } from './options.ts';

const portOf = (url: string) => Number(new URL(url).port);

test('a monitor whose certificate a private authority issued is reached through HTTPS_PROXY with --ca', async (t) => {
  const { ca, certificate, key } = issueCertificate(temporaryDirectory(t), ['monitor.test']);
  const { url } = await openMonitor(t, {
    tls_cert: certificate,
    tls_key: key,
    allowed_origins: 'https://monitor.test',
  });
  const proxy = await startForwardProxy(t, { port: portOf(url) });
  const environment = { HTTPS_PROXY: proxy.url };
  const args = ['jobs', '--server', 'https://monitor.test'];
  const [trusted, foreign] = await Promise.all([
    runTmon(t, [...args, '--ca', ca], { environment }),
    runTmon(t, args, { environment }),
  ]);
  assert.equal(trusted.code, 0, trusted.stderr);
  assert.deepEqual(new Set(proxy.seen), new Set(['CONNECT monitor.test:443']));
  assert.equal(foreign.code, 3);
  assert.match(foreign.stderr, /certificate.*\nhint: .*--ca or TMON_CA/);
});

test('headers and the user of the address are sent through HTTP_PROXY, and the password is not printed', async (t) => {
  const { url } = await openMonitor(t, { allowed_origins: 'http://monitor.test' });
  const proxy = await startForwardProxy(t, { port: portOf(url) });
  const environment = {
    HTTP_PROXY: proxy.url,
    TMON_SERVER: 'http://ann:pass%20word@monitor.test',
    TMON_API_KEY: 'tmk_x',
    TMON_HEADERS: 'CF-Access-Client-Id: me\nCF-Access-Client-Secret: hush',
  };
  const { code, stdout, stderr } = await runTmon(t, ['job', 'job-none'], { environment });
  assert.equal(code, 4, stderr);
  assert.deepEqual(proxy.seen, ['GET http://monitor.test/api/v1/jobs/job-none']);
  const {
    authorization,
    'x-api-key': apiKey,
    'cf-access-client-id': id,
    'cf-access-client-secret': secret,
  } = proxy.headers[0]!;
  assert.deepEqual(
    [atob(authorization!.slice('Basic '.length)), apiKey, id, secret],
    ['ann:pass word', 'tmk_x', 'me', 'hush'],
  );
  assert.doesNotMatch(stdout + stderr, /pass|hush/);
});

test('through a proxy that passes no WebSocket, top and watch follow server-sent events, and say so once', async (t) => {
  const monitor = await openMonitor(t, { allowed_origins: 'http://monitor.test' });
  const proxy = await startForwardProxy(t, { port: portOf(monitor.url) });
  const { job_id } = await submit(monitor);
  const args = ['--server', 'http://monitor.test'];
  for (const command of ['top', 'watch']) {
    const running = startTmon(t, [command, ...args], { environment: { HTTP_PROXY: proxy.url } });
    await running.line(new RegExp(job_id));
    running.kill('SIGKILL');
    const { stderr } = await running.ended;
    assert.match(stderr, /^tmon: no WebSocket gets through to the monitor: following its server-sent events instead$/m);
    assert.equal(stderr.match(/WebSocket/g)?.length, 1);
  }
});

test('this machine is reached past the proxy, and a dead proxy is named', async (t) => {
  const here = createServer((_, response) => response.end('here')).listen(0, '127.0.0.1');
  await once(here, 'listening');
  t.after(() => here.close());
  const { port } = here.address() as AddressInfo;
  const gone = createServer().listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const proxy = `127.0.0.1:${(gone.address() as AddressInfo).port}`;
  gone.close();
  process.env.http_proxy = `http://${proxy}`;
  const undo = await prepareNetwork({ ca: undefined, environment: { ...process.env, NO_PROXY: 'a.test' } });
  t.after(() => {
    delete process.env.http_proxy;
    undo();
  });
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'here');
  const { TranscriptionAPI } = await import('../sdk/typescript/index.ts');
  const away = new TranscriptionAPI({ baseUrl: 'http://monitor.test', retries: 0 });
  await assert.rejects(away.system.health(), {
    message: `no response from http://monitor.test: connection refused by the proxy ${proxy}`,
    hint: /NO_PROXY/,
  });
});

test('what cannot be used is refused before the command runs', async (t) => {
  const folder = temporaryDirectory(t);
  const empty = join(folder, 'empty.pem');
  writeFileSync(empty, 'a key');
  const damaged = join(folder, 'damaged.pem');
  writeFileSync(damaged, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  const refused = (ca: string | undefined, environment: Record<string, string>, message: RegExp) =>
    assert.rejects(prepareNetwork({ ca, environment }), { exitCode: 2, message });
  await refused(join(folder, 'none.pem'), {}, /none\.pem, cannot be read: ENOENT/);
  await refused(empty, {}, /empty\.pem contains no certificate/);
  await refused(damaged, {}, /damaged\.pem holds a damaged certificate/);
  await refused(undefined, { HTTPS_PROXY: 'socks5://u:hush@host:1' }, /^HTTPS_PROXY is a SOCKS proxy$/);
  await refused(undefined, { http_proxy: 'host:hush' }, /^http_proxy is not the address of a proxy$/);
});

test('a header that is none is refused without its value', () => {
  const command = clientCommand('jobs').exitOverride();
  const parse = (value: string) => command.parse(['--header', value], { from: 'user' }).opts().header;
  assert.throws(() => parse('hush'), {
    exitCode: 2,
    message: "--header or TMON_HEADERS is not of the form 'Name: value'",
  });
  assert.deepEqual(parse('A: b: c '), { A: 'b: c' });
});

test('the address of a monitor is shown without its password', () => {
  assert.equal(shownServer('http://ann:secret@host:8080/tmon/'), 'http://host:8080/tmon');
  assert.equal(shownServer('ann:secret@host'), 'http://host');
  assert.equal(shownServer('127.0.0.1:8080'), '127.0.0.1:8080');
});
