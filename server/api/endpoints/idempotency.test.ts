/** Idempotency-Key: a repeated request takes effect once and returns the first result; a different one is refused. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Monitor, openMonitor } from '../../../test/servers/monitor.ts';
import { AUDIO, completion, fail, hold, register, submit } from '../../../test/servers/steps.ts';
import { TurnedClock } from '../../testing-clock.ts';
import { endpoints } from '../http/app.ts';

// Time is stopped: writes of a tick would count as writes of the second request.
const monitor = await openMonitor({ after }, { clock: new TurnedClock('2026-01-05T08:00:00Z') });

type Case = { path: string; body?: unknown; other?: unknown };

const error = (message: string) => ({ code: 'worker_error', message, retryable: true });

/** A request for every POST that is decided in the journal, and a different one for which its key must be refused. */
const POSTS: Record<string, (on: Monitor) => Promise<Case>> = {
  'jobs.submit': async () => ({ path: '/jobs', body: { audio_url: AUDIO }, other: { audio_url: `${AUDIO}x` } }),
  'jobs.submitBatch': async () => ({
    path: '/jobs/batch',
    body: { jobs: [{ audio_url: AUDIO }, {}, { audio_url: AUDIO }] },
    other: { jobs: [{ audio_url: AUDIO }] },
  }),
  'jobs.retry': async (on) => {
    const { job_id } = await fail(on, await hold(on));
    return { path: `/jobs/${job_id}/retry`, body: {}, other: null };
  },
  'jobs.complete': async (on) => {
    const { id, token } = await hold(on);
    const body = completion(token);
    return { path: `/jobs/${id}/complete`, body, other: { ...body, output: { ...body.output, segments_count: 9 } } };
  },
  'jobs.fail': async (on) => {
    const { id, token } = await hold(on);
    const [body, other] = ['one', 'two'].map((message) => ({ lease_token: token, error: error(message) }));
    return { path: `/jobs/${id}/fail`, body, other };
  },
  'workers.claim': async (on) => {
    await submit(on);
    return { path: '/workers/worker-1/claim', body: { max_jobs: 1 } };
  },
  'workers.drain': async (on) => {
    await hold(on, {}, 'worker-drain');
    return { path: '/workers/worker-drain/drain', body: {}, other: null };
  },
  'workers.restart': async (on) => {
    await hold(on, {}, 'worker-restart');
    return { path: '/workers/worker-restart/restart', body: {}, other: null };
  },
  'queues.purge': async (on) => {
    await submit(on);
    return { path: '/queues/main/purge', body: { filter: {} }, other: { filter: { priority: 'low' } } };
  },
  'queues.purgeDlq': async (on) => {
    await fail(on, await hold(on));
    return { path: '/queues/dlq/purge', body: { filter: {} }, other: { filter: { priority: 'low' } } };
  },
  'queues.redrive': async (on) => {
    await fail(on, await hold(on));
    return { path: '/queues/dlq/redrive', body: { filter: {} }, other: { filter: { priority: 'low' } } };
  },
  'system.createSilence': async () => {
    const silence = (comment: string) => ({
      matchers: [{ name: 'severity', op: '=', value: 'INFO' }],
      ends_at: new Date(Date.now() + 3_600_000).toISOString(),
      created_by: 'ada',
      comment,
    });
    return { path: '/system/silences', body: silence('a'), other: silence('b') };
  },
  'sources.observe': async () => {
    const sighted = (percentage: number) => ({
      jobs: [{ job_id: 'job-elsewhere', state: 'PROCESSING', told_at: '2025-07-07T19:30:00Z', percentage }],
    });
    return { path: '/sources/log/jobs', body: sighted(45), other: sighted(46) };
  },
};

const ELSEWHERE: Record<string, string> = {
  'workers.heartbeat': 'soft: a second beat renews the same leases again',
  'workers.launch': 'local-fleet.test.ts: one worker is launched',
  'workers.reconcile': 'reconciler.test.ts: a repetition is another comparison',
  'system.resolveAlert': 'system.test.ts: an alert is resolved once, key or none',
  'system.acknowledgeAlert': 'alerts.test.ts: an alert is acknowledged once, key or none',
  'system.replayNotification': 'notifications.test.ts: each is a delivery of its own, under the same webhook-id',
  'system.testNotification': 'notifications.test.ts',
  'events.report': 'log-events.test.ts',
  'uploads.create': 'uploads.test.ts',
  'analytics.sql': 'it only reads',
  'system.backtestAlertRules': 'it only reads',
  'system.resumePolicies': 'decide/policies.test.ts: a pause ends once, key or none',
  'keys.create': 'keys.test.ts: the secret is in the first response alone',
  'keys.rotate': 'the same',
  'session.create': 'each is a session of its own; it expires',
  'tickets.create': 'the same',
  'jobs.createToken': 'the same',
  'jobs.createLink': 'the same',
  'uploads.createLink': 'the same',
  'links.upload': 'links.test.ts: a link is for one upload',
  'jobs.eraseMatching': 'erasure.test.ts: what was erased before is skipped',
  'tenants.pause': 'tenants.test.ts: a tenant that is paused stays so',
  'tenants.resume': 'the same',
  'audit.verify': 'it only reads',
};

for (const [operation, prepare] of Object.entries(POSTS)) {
  test(`${operation} repeated with its key changes nothing and returns the same ids`, async () => {
    const { path, body, other } = await prepare(monitor);
    const key = { 'idempotency-key': `key-${operation}` };
    const first = await monitor.post(path, body, key);
    assert.ok(first.status < 300, first.text);
    const seq = first.headers.get('tmon-seq');
    const again = await monitor.post(path, body, key);
    assert.equal(again.status, first.status);
    assert.equal(again.headers.get('tmon-seq'), seq, 'nothing more was written');
    assert.deepEqual(idsIn(again.body), idsIn(first.body));
    if (other === undefined) return;
    const reused = await monitor.post(path, other, key);
    assert.deepEqual([reused.status, reused.body.code], [409, 'idempotency_key_reused']);
    assert.ok(reused.body.hint);
  });
}

test('every POST is tested with a key', () => {
  const posts = endpoints.filter(({ method }) => method === 'POST').map(({ operation }) => operation);
  assert.deepEqual(posts.sort(), [...Object.keys(POSTS), ...Object.keys(ELSEWHERE)].sort());
});

test('a DELETE takes a key too', async () => {
  const { job_id } = await submit(monitor);
  const key = { 'idempotency-key': 'delete-1' };
  const first = await monitor.delete(`/jobs/${job_id}`, key);
  await monitor.post(`/jobs/${job_id}/retry`);
  const again = await monitor.delete(`/jobs/${job_id}`, key);
  assert.deepEqual([first.body.state, again.body.state], ['CANCELLED', 'QUEUED'], 'the retry in between is kept');
});

test('concurrent requests with the same key take effect once', async () => {
  const key = { 'idempotency-key': 'at-once' };
  const responses = await Promise.all(
    Array.from({ length: 20 }, () => monitor.post('/jobs', { audio_url: AUDIO, tags: ['at-once'] }, key)),
  );
  assert.equal(new Set(responses.map(({ body }) => body.job_id)).size, 1);
  assert.equal((await monitor.get('/jobs?tag=at-once')).body.items.length, 1);
});

test('a key belongs to its path: the same key with another path is refused', async () => {
  const [first, second] = [await submit(monitor), await submit(monitor)];
  const key = { 'idempotency-key': 'two-paths' };
  assert.equal((await monitor.delete(`/jobs/${first.job_id}`, key)).status, 200);
  assert.equal((await monitor.delete(`/jobs/${second.job_id}`, key)).body.code, 'idempotency_key_reused');
});

test('a refused request is not remembered: it may succeed later with the same key', async () => {
  const { job_id } = await submit(monitor);
  const key = { 'idempotency-key': 'later' };
  assert.equal((await monitor.post(`/jobs/${job_id}/retry`, undefined, key)).status, 409);
  await monitor.delete(`/jobs/${job_id}`);
  assert.equal((await monitor.post(`/jobs/${job_id}/retry`, undefined, key)).status, 200);
});

test('a key stands for one claim whatever max_jobs and wait; another worker may not use it', async () => {
  await submit(monitor);
  await submit(monitor);
  const key = { 'idempotency-key': 'claim-again' };
  const first = await monitor.post('/workers/worker-1/claim', { max_jobs: 1, wait_seconds: 1 }, key);
  const again = await monitor.post('/workers/worker-1/claim', { max_jobs: 2 }, key);
  assert.equal(idsIn(first.body).length > 0, true);
  assert.deepEqual([again.status, idsIn(again.body)], [200, idsIn(first.body)]);
  await register(monitor, 'worker-other');
  const other = await monitor.post('/workers/worker-other/claim', { max_jobs: 1 }, key);
  assert.equal(other.body.code, 'idempotency_key_reused');
});

test('a repeated claim returns its leases even if its worker is stopping by now', async () => {
  for (const command of ['drain', 'restart']) {
    const worker_id = `worker-again-${command}`;
    await register(monitor, worker_id);
    await submit(monitor);
    const key = { 'idempotency-key': `claim-${command}` };
    const first = await monitor.post(`/workers/${worker_id}/claim`, { max_jobs: 1 }, key);
    assert.equal(first.body.jobs.length, 1);
    assert.equal((await monitor.post(`/workers/${worker_id}/${command}`)).status, 202);
    const again = await monitor.post(`/workers/${worker_id}/claim`, { max_jobs: 1 }, key);
    assert.deepEqual([again.status, again.body.jobs[0]?.lease.token], [200, first.body.jobs[0].lease.token], command);
    const other = await monitor.post(`/workers/${worker_id}/claim`, { max_jobs: 1 });
    assert.deepEqual(other.body.jobs, [], 'and it gets nothing else');
  }
});

test('min_seq, a trailing slash and the encoding of the path do not make a different request', async () => {
  const { job_id } = await submit(monitor);
  const key = { 'idempotency-key': 'spelling' };
  const first = await monitor.delete(`/jobs/${job_id}`, key);
  const seq = first.headers.get('tmon-seq');
  for (const spelling of [`/jobs/${job_id}?min_seq=0`, `/jobs/${job_id}/`, `/jobs/${job_id.replace('j', '%6A')}`]) {
    const again = await monitor.delete(spelling, key);
    assert.deepEqual([again.status, again.headers.get('tmon-seq')], [200, seq], spelling);
  }
});

test('a key in the form of a generated one stands for one request too', async () => {
  const key = { 'idempotency-key': 'tmon-01ARZ3NDEKTSV4RRFFQ69G5FAV' };
  const first = await monitor.post('/jobs', { audio_url: AUDIO }, key);
  const again = await monitor.post('/jobs', { audio_url: AUDIO }, key);
  assert.deepEqual([first.status, again.body.job_id], [201, first.body.job_id]);
  for (const [path, body] of [
    ['/jobs', { audio_url: `${AUDIO}x` }],
    ['/queues/main/purge', { filter: {} }],
  ] as const) {
    const reused = await monitor.post(path, body, key);
    assert.deepEqual([reused.status, reused.body.code], [409, 'idempotency_key_reused'], path);
  }
});

test('a key that is too long is refused by every operation', async () => {
  const long = { 'idempotency-key': 'k'.repeat(256) };
  const { id, token } = await hold(monitor);
  for (const [method, path, body] of [
    ['GET', '/jobs', undefined],
    ['POST', '/queues/main/purge', { dry_run: true }],
    ['POST', '/workers/worker-1/heartbeat', {}],
    ['PUT', `/jobs/${id}/progress`, { lease_token: token, percentage: 1 }],
    ['POST', '/uploads?name=a.wav', 'audio'],
  ] as const) {
    const sent = await monitor.call(method, `/api/v1${path}`, {
      headers: typeof body === 'string' ? { ...long, 'content-type': 'application/octet-stream' } : long,
      body,
    });
    assert.deepEqual([sent.status, sent.body.code], [400, 'invalid_idempotency_key'], path);
  }
});

test('a key has 255 characters at most, and an empty key counts as none', async () => {
  const submission = { audio_url: AUDIO };
  const long = await monitor.post('/jobs', submission, { 'idempotency-key': 'k'.repeat(256) });
  assert.deepEqual([long.status, long.body.code], [400, 'invalid_idempotency_key']);
  assert.equal((await monitor.post('/jobs', submission, { 'idempotency-key': 'k'.repeat(255) })).status, 201);
  const ids = [1, 2].map(async () => (await monitor.post('/jobs', submission, { 'idempotency-key': '' })).body.job_id);
  assert.equal(new Set(await Promise.all(ids)).size, 2);
});

/** Every id and lease anywhere in a response. */
function idsIn(value: unknown): unknown[] {
  if (Array.isArray(value)) return value.flatMap(idsIn);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === 'job_id' || name === 'job_ids' || name === 'worker_id' || name === 'token' ? [inner] : idsIn(inner),
  );
}
