/** The whole monitor with `--cache`: its setting, its probes and its metrics. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import type { MonitorError } from '../../protocol/errors.ts';
import { startTestMonitor, startTmon, temporaryDirectory } from '../../test/processes/tmon.ts';
import { openMonitor } from '../../test/servers/monitor.ts';
import { startRedis } from '../../test/servers/redis.ts';
import { freePort } from '../../test/servers/start.ts';
import { complete, hold } from '../../test/servers/steps.ts';
import { readSettings } from '../config.ts';
import { startMonitor } from '../main.ts';

/** Each poll is a request, which gives the monitor its turn; the test's own timeout ends it. */
async function until(is: () => Promise<boolean>): Promise<void> {
  while (!(await is()));
}

test('[A81] [A84] a monitor with --cache keeps its active jobs in Redis, until they end', async (t) => {
  const redis = await startRedis(t);
  const reader = await redis.client();
  const monitor = await openMonitor(t, { cache: redis.url });
  const held = await hold(monitor);
  const cached = async () => JSON.parse((await reader.get(`job:${held.id}`)) ?? 'null');
  await until(async () => (await cached())?.state === 'PROCESSING');
  assert.deepEqual(await cached(), (await monitor.get(`/jobs/${held.id}`)).body);
  await complete(monitor, held);
  await until(async () => (await cached()) === null);
});

test('without its Redis a monitor is ready, reports that in /readyz and counts failures in /metrics', async (t) => {
  const redis = await startRedis(t);
  const monitor = await openMonitor(t, { cache: redis.url });
  const metric = async (name: string) => {
    const { text } = await monitor.call('GET', '/metrics');
    return Number(new RegExp(`^transcription_monitor_cache_${name} (\\d+)$`, 'm').exec(text)?.[1]);
  };
  await until(async () => (await metric('up')) === 1);
  assert.equal(await metric('failures_total'), 0);
  await redis.stop();
  await until(async () => (await metric('up')) === 0);
  await hold(monitor);
  const { status, body } = await monitor.call('GET', '/readyz');
  assert.deepEqual([status, body.status], [200, 'ready']);
  assert.ok(body.cache.problem.startsWith(redis.url), body.cache.problem);
  assert.ok((await metric('failures_total')) > 0);
  await redis.start();
  await until(async () => (await metric('up')) === 1 && (await metric('writes_total')) > 0);
  assert.equal((await monitor.call('GET', '/readyz')).body.cache, undefined);
});

test('rediss:// is TLS: a trusted certificate is accepted, any other is refused', async (t) => {
  const directory = temporaryDirectory(t);
  const files = { key: join(directory, 'key.pem'), certificate: join(directory, 'certificate.pem') };
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const made = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  execFileSync('openssl', ['req', ...made, ...subject, '-keyout', files.key, '-out', files.certificate], {
    stdio: 'ignore',
  });
  const port = await freePort();
  const redis = await startRedis(t, {
    'tls-port': String(port),
    'tls-cert-file': files.certificate,
    'tls-key-file': files.key,
    'tls-ca-cert-file': files.certificate,
    'tls-auth-clients': 'no',
    requirepass: 'hush',
  });
  const settings = { cache: `rediss://:hush@127.0.0.1:${port}/1` };
  const trusting = await startTestMonitor(t, settings, { NODE_EXTRA_CA_CERTS: files.certificate });
  const { id } = await trusting.api.jobs.submit({ audio_url: 's3://audio/a.mp3' });
  const reader = await redis.client({ password: 'hush', database: 1 });
  let cached: string | null = null;
  while (cached === null) cached = await reader.get(`job:${id}`);
  assert.equal(JSON.parse(cached).job_id, id);
  await trusting.stop();

  const wary = startTmon(t, ['serve', '--json', '--listen', '127.0.0.1:0', '--store', 'memory:', '--fleet', 'none:'], {
    environment: { TMON_CACHE: settings.cache },
  });
  const [line] = await wary.line(/"level":40.*self-signed certificate/);
  assert.match(line, new RegExp(`cache: rediss://127\\.0\\.0\\.1:${port}/1: `));
  assert.doesNotMatch(line, /hush/);
});

test('requests do not wait for an unresponsive Redis', async (t) => {
  const redis = await startRedis(t);
  const monitor = await openMonitor(t, { cache: redis.url });
  redis.suspend();
  const held = await hold(monitor);
  await complete(monitor, held);
  await monitor.stop();
});

test('a monitor without --cache has no cache metrics', async (t) => {
  const monitor = await openMonitor(t);
  const { text } = await monitor.call('GET', '/metrics');
  assert.doesNotMatch(text, /^transcription_monitor_cache_/m);
});

test('a URL that is not a Redis is refused before anything starts, without showing it', async () => {
  const urls = [
    '6379',
    'http://u:hush@h',
    'redis://u:hush@',
    'redis://u:hush@h/name',
    'redis://u:hu%sh@h',
    'redis://hush@h:x',
  ];
  for (const cache of urls) {
    const settings = readSettings({ store: 'memory:', listen: '127.0.0.1:0', cache }, {});
    await assert.rejects(startMonitor(settings, {}), (error: MonitorError) => {
      assert.deepEqual([error.kind, error.code], ['invalid', 'bad_cache_url'], cache);
      assert.doesNotMatch(`${error.message} ${error.hint} ${error.stack}`, /hush|hu%sh/);
      return true;
    });
  }
});
