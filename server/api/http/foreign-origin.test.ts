/** No page of another origin can control a monitor through a browser on its machine. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, test } from 'node:test';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { submit } from '../../../test/servers/steps.ts';
import { foreignOriginGuard } from './foreign-origin.ts';

const monitor = await openMonitor({ after });
const { host } = new URL(monitor.url);

/** fetch does not allow setting these headers. */
function send(
  method: string,
  path: string,
  headers: Record<string, string>,
  body = '',
): Promise<{ status: number; code: unknown }> {
  return new Promise((resolve, reject) => {
    const call = request(`${monitor.url}${path}`, { method, headers }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => {
        const json = /json/.test(response.headers['content-type'] ?? '');
        resolve({ status: response.statusCode ?? 0, code: json ? JSON.parse(text).code : undefined });
      });
    });
    call.on('error', reject);
    call.end(body);
  });
}

const refused = { status: 403, code: 'foreign_origin' };

test('a request that a foreign page can send without a preflight is refused without effect', async () => {
  const { job_id } = await submit(monitor);
  for (const origin of ['https://evil.example', 'http://127.0.0.1:9', `https://${host}.evil.example`, 'null']) {
    for (const [path, type, body] of [
      ['/api/v1/queues/main/purge', undefined, ''],
      [`/api/v1/jobs/${job_id}/retry`, undefined, ''],
      ['/api/v1/events', 'text/plain', '{"event":"JOB_START","job_id":"job-evil","worker_id":"w"}'],
      ['/api/v1/uploads', 'multipart/form-data; boundary=x', 'audio'],
      ['/api/v1/jobs', 'application/json', '{"audio_url":"s3://a/b"}'],
      ['/api/v1/workers', undefined, ''],
    ] as const) {
      const headers = { origin, ...(type ? { 'content-type': type } : {}) };
      assert.deepEqual(await send('POST', path, headers, body), refused, `${origin} ${path}`);
    }
  }
  assert.equal((await monitor.get(`/jobs/${job_id}`)).body.state, 'QUEUED');
  assert.equal((await monitor.get('/jobs/job-evil')).status, 404);
});

test('a foreign name that resolves to this machine (DNS rebinding) is refused, for reads too', async () => {
  for (const name of [
    'evil.example',
    'evil.example:8080',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '10.0.0.1',
  ])
    for (const path of ['/api/v1/jobs', '/docs/', '/api/v1/openapi.json'])
      assert.deepEqual((await send('GET', path, { host: name })).status, 403, `${name} ${path}`);
});

test('probes and scrapers, which use addresses, are served under any name', async () => {
  for (const path of ['/livez', '/readyz', '/metrics']) {
    assert.equal((await send('GET', path, { host: '10.0.0.1:8080' })).status, 200, path);
    assert.deepEqual(await send('GET', path, { host: '10.0.0.1:8080', origin: 'https://evil.example' }), refused);
  }
});

test('the monitor’s own pages, and programs, are served', async () => {
  const served: Record<string, string>[] = [
    { origin: monitor.url },
    { host: 'localhost:8080' },
    { host: 'LOCALHOST' },
    { host: 'tmon.localhost:8080', origin: 'http://tmon.localhost:8080' },
    { host: '[::1]:8080', origin: 'http://[::1]:8080' },
    { host: '127.9.9.9' },
  ];
  for (const headers of served)
    assert.equal((await send('GET', '/api/v1/jobs', headers)).status, 200, JSON.stringify(headers));
});

test('no response allows another origin to read it', async () => {
  const { headers } = await monitor.get('/jobs');
  assert.deepEqual(
    [...headers.keys()].filter((name) => name.startsWith('access-control-')),
    [],
  );
  assert.equal((await send('OPTIONS', '/api/v1/jobs', { origin: 'https://evil.example' })).status, 403);
});

test('an allowed origin is served, also behind a proxy of that name, and no other', () => {
  const guard = foreignOriginGuard('https://monitor.example.com, http://localhost:5173');
  guard({ host: 'monitor.example.com', origin: 'https://monitor.example.com' });
  guard({ host: '127.0.0.1:8080', origin: 'https://Monitor.Example.com' });
  guard({ host: '127.0.0.1:8080', origin: 'http://localhost:5173' });
  guard({ host: 'MONITOR.example.com' });
  const foreign = { code: 'foreign_origin', kind: 'forbidden' };
  assert.throws(() => guard({ host: '127.0.0.1:8080', origin: 'http://monitor.example.com' }), foreign);
  assert.throws(() => guard({ host: '127.0.0.1:8080', origin: 'http://localhost:5174' }), foreign);
  assert.throws(() => guard({ host: 'example.com' }), foreign);
  assert.throws(() => guard({ host: 'a b' }), foreign);
});

test('a setting that is not an origin is refused with an example', () => {
  for (const wrong of ['*', 'null', 'monitor.example.com', 'https://monitor.example.com/', 'https://a,b'])
    assert.throws(() => foreignOriginGuard(wrong), { code: 'bad_setting', hint: /https:\/\/monitor\.example\.com/ });
  foreignOriginGuard(' , ');
});
