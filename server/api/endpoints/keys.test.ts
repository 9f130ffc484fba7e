/** API keys over the API: made, used, narrowed, rotated and revoked. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, describe, test } from 'node:test';
import { parseKey } from '../../../protocol/key.ts';
import { EventsClient, FeedClient } from '../../../test/servers/feed-client.ts';
import { type Caller, openMonitor } from '../../../test/servers/monitor.ts';
import { AUDIO, claim, hold, register, submit, TRANSCRIPT } from '../../../test/servers/steps.ts';

const monitor = await openMonitor({ after });
const { body: first } = await monitor.post('/keys', { role: 'admin', name: 'root' });
const admin = monitor.withKey(first.key);

async function create(creation: object): Promise<Caller & { id: string; key: string }> {
  const { status, body, text } = await admin.post('/keys', creation);
  assert.equal(status, 201, text);
  return Object.assign(monitor.withKey(body.key), { id: body.id as string, key: body.key as string });
}

/** Follows all jobs, and drops the first message. */
async function follow(socket: FeedClient): Promise<void> {
  socket.send({ action: 'subscribe', resource: 'jobs' });
  await socket.until((message) => message.type === 'state');
}

const codeOf = ({ status, body }: { status: number; body: { code?: string } }) => [status, body?.code];

test('the secret of a key is in the response to its creation, and in no list', async () => {
  const { key, id } = await create({ role: 'read', name: 'board' });
  assert.equal(parseKey(key)?.id, id);
  const { body, text } = await admin.get('/keys');
  assert.deepEqual(
    body.items.map((one: { name: string; created_by: string }) => [one.name, one.created_by]),
    [
      ['root', 'api'],
      ['board', `key:${first.id}`],
    ],
  );
  assert.ok(!text.includes(parseKey(key)!.secret) && !text.includes('hash'), text);
});

test('a creation repeated with its Idempotency-Key makes one key, and says that its secret was shown before', async () => {
  const headers = { 'idempotency-key': 'twice' };
  const once = await admin.post('/keys', { role: 'read', name: 'twice' }, headers);
  const twice = await admin.post('/keys', { role: 'read', name: 'twice' }, headers);
  assert.deepEqual(codeOf(twice), [409, 'secret_shown_before']);
  assert.equal(twice.body.key_id, once.body.id);
  const { items } = (await admin.get('/keys')).body;
  assert.equal(items.filter(({ name }: { name: string }) => name === 'twice').length, 1);
});

test('a rotated key has a new secret; a revoked one is refused, and its open connections are closed', async (t) => {
  const reader = await create({ role: 'read' });
  const rotated = (await admin.post(`/keys/${reader.id}/rotate`, { overlap_seconds: 60 })).body;
  assert.notEqual(rotated.key, reader.key);
  assert.equal((await reader.get('/jobs')).status, 200);
  assert.equal((await monitor.withKey(rotated.key).get('/jobs')).status, 200);
  const socket = await FeedClient.open(t, monitor.url, rotated.key);
  const stream = await EventsClient.open(t, monitor.url, '', { authorization: `Bearer ${rotated.key}` });
  assert.equal((await admin.delete(`/keys/${reader.id}`)).body.revoked_at !== null, true);
  assert.equal((await socket.closed).code, 4001);
  await assert.rejects(
    stream.until(() => false),
    /the stream/,
  );
  assert.deepEqual(codeOf(await reader.get('/jobs')), [401, 'key_revoked']);
});

test('wrong requests get clear errors', async () => {
  const wrong: [object, number, string][] = [
    [{ role: 'owner' }, 400, 'invalid_body'],
    [{ role: 'read', tenant: 'X' }, 400, 'invalid_body'],
    [{ role: 'admin', tenant: 'x' }, 400, 'role_without_tenant'],
    [{ role: 'worker', tenant: 'x', worker_id: 'y_1' }, 400, 'worker_of_another_tenant'],
    [{ role: 'admin', tags: ['a'] }, 400, 'role_without_tags'],
    [{ role: 'read', worker_id: 'w' }, 400, 'role_without_worker'],
    [{ role: 'read', expires_at: '2020-01-01T00:00:00Z' }, 400, 'key_over'],
  ];
  for (const [body, status, code] of wrong) assert.deepEqual(codeOf(await admin.post('/keys', body)), [status, code]);
  assert.deepEqual(codeOf(await admin.delete('/keys/00000000000')), [404, 'key_not_found']);
  assert.deepEqual(codeOf(await admin.delete(`/keys/${first.id}`)), [409, 'last_admin_key']);
});

test('the author of an event is the key, whatever the body says', async () => {
  const writer = await create({ role: 'submit' });
  const { job_id } = await submit(writer);
  const segments: string[] = [];
  for await (const { key } of monitor.store.list('journal/')) {
    const found = await monitor.store.get(key);
    if (found.found) segments.push(Buffer.from(found.bytes).toString());
  }
  const line = segments
    .join('')
    .split('\n')
    .find((one) => one.includes(job_id));
  assert.equal(JSON.parse(line!).actor, `key:${writer.id}`);
  assert.equal(JSON.parse(line!).data.submitted_by, `key:${writer.id}`);
});

describe('a key of the role submit', () => {
  test('sees, lists, follows and cancels the jobs that it submitted; any other does not exist for it', async (t) => {
    const [one, other] = [await create({ role: 'submit' }), await create({ role: 'submit' })];
    const socket = await FeedClient.open(t, monitor.url, one.key);
    await follow(socket);
    const mine = (await submit(one)).job_id;
    const theirs = (await submit(other)).job_id;
    const last = (await submit(one)).job_id;
    for (const path of ['', '/progress', '/timeline', '/why', '/transcript']) {
      assert.deepEqual(codeOf(await one.get(`/jobs/${theirs}${path}`)), [404, 'job_not_found'], path);
    }
    const none = await one.get('/jobs/job-none');
    const hidden = await one.get(`/jobs/${theirs}`);
    assert.equal(hidden.body.detail.replace(theirs, 'job-none'), none.body.detail);
    assert.deepEqual(codeOf(await one.delete(`/jobs/${theirs}`)), [404, 'job_not_found']);
    assert.deepEqual(codeOf(await one.post(`/jobs/${theirs}/retry`)), [404, 'job_not_found']);
    const { items } = (await one.get('/jobs')).body;
    assert.deepEqual(
      items.map((job: { job_id: string }) => job.job_id),
      [last, mine],
    );
    const seen: string[] = [];
    await socket.until((message) => {
      if (message.job_id) seen.push(message.job_id);
      return message.job_id === last;
    });
    assert.deepEqual([...new Set(seen)], [mine, last]);
    assert.equal((await one.delete(`/jobs/${mine}`)).status, 200);
    assert.deepEqual(codeOf(await one.get('/workers')), [403, 'role_not_allowed']);
  });
});

describe('a key that is narrowed to tags', () => {
  test('submits and sees only jobs with one of them, and nothing of the whole fleet', async (t) => {
    const reader = await create({ role: 'read', tags: ['red', 'blue'] });
    const writer = await create({ role: 'submit', tags: ['red'] });
    assert.deepEqual(codeOf(await writer.post('/jobs', { audio_url: AUDIO })), [403, 'tag_required']);
    assert.deepEqual(codeOf(await writer.post('/jobs/batch', { jobs: [{ audio_url: AUDIO, tags: ['green'] }] })), [
      403,
      'tag_required',
    ]);
    const before = await FeedClient.open(t, monitor.url, writer.key);
    await follow(before);
    const red = (await submit(writer, { tags: ['red', 'x'] })).job_id;
    const blue = (await submit(admin, { tags: ['blue'] })).job_id;
    const plain = (await submit(admin)).job_id;
    const redder = (await submit(admin, { tags: ['red'] })).job_id;
    const listed = async (caller: Caller, query = '') =>
      (await caller.get(`/jobs${query}`)).body.items.map((job: { job_id: string }) => job.job_id);
    assert.deepEqual(await listed(reader), [redder, blue, red]);
    assert.deepEqual(await listed(writer), [redder, red]);
    assert.deepEqual(await listed(writer, '?tag=blue'), []);
    assert.deepEqual(codeOf(await reader.get(`/jobs/${plain}`)), [404, 'job_not_found']);
    for (const path of ['/workers', '/queues/main', '/system/health', '/analytics/costs']) {
      assert.deepEqual(codeOf(await reader.get(path)), [403, 'key_narrowed'], path);
    }
    const socket = await FeedClient.open(t, monitor.url, reader.key);
    socket.send({ action: 'subscribe', resource: 'jobs', id: 'all' });
    const { items } = await socket.until((message) => message.type === 'state');
    assert.deepEqual(
      items.map((job: { job_id: string }) => job.job_id),
      [redder, blue, red],
    );
    for (const [resource, more] of [
      ['job', { job_id: plain }],
      ['queue', {}],
    ] as const) {
      socket.send({ action: 'subscribe', resource, ...more, id: resource });
      const { code } = await socket.until((message) => message.id === resource);
      assert.equal(code, resource === 'job' ? 'job_not_found' : 'key_narrowed');
    }
    const seen = new Set<string>();
    await before.until((message) => {
      if (message.job_id) seen.add(message.job_id);
      return message.job_id === redder;
    });
    assert.deepEqual([...seen], [red, redder]);
  });

  test('resumes the feed with its jobs alone', async (t) => {
    const reader = await create({ role: 'read', tags: ['one', 'two'] });
    const { headers } = await admin.get('/jobs');
    const since = { seq: Number(headers.get('tmon-seq')), index: 1000 };
    await submit(admin);
    const two = (await submit(admin, { tags: ['two'] })).job_id;
    const socket = await FeedClient.open(t, monitor.url, reader.key);
    socket.send({ action: 'subscribe', resource: 'jobs', since, id: 's' });
    const { job_id } = await socket.until((message) => message.job_id !== undefined);
    assert.equal(job_id, two);
  });
});

describe('[S4] a key that is narrowed to a worker', () => {
  test('acts only as this worker and reports only on its jobs', async (t) => {
    const worker = await create({ role: 'worker', worker_id: 'worker-own' });
    const other = await create({ role: 'worker' });
    await register(worker, 'worker-own');
    await register(other, 'worker-other');
    for (const [method, path, body] of [
      ['PUT', '/workers/worker-other', { capabilities: {} }],
      ['POST', '/workers/worker-other/claim', {}],
      ['POST', '/workers/worker-other/heartbeat', { health: {} }],
      ['POST', '/workers/worker-other/drain', {}],
      ['DELETE', '/workers/worker-other', undefined],
    ] as const) {
      const response = await worker.call(method, `/api/v1${path}`, body === undefined ? {} : { body });
      assert.deepEqual(codeOf(response), [403, 'other_worker'], path);
    }
    const socket = await FeedClient.open(t, monitor.url, worker.key);
    const params = { worker_id: 'worker-other' };
    assert.equal((await socket.call('workers.claim', { params, body: {} })).code, 'other_worker');
    const { job_id } = await submit(admin, { priority: 'high' });
    const [held] = (await claim(other, 'worker-other', 1)).filter(({ id }) => id === job_id);
    const { token } = held!;
    const error = { code: 'x', message: 'x', retryable: false };
    for (const [method, path, body, more] of [
      ['PUT', 'progress', { lease_token: token, percentage: 5 }, {}],
      ['PUT', 'transcript', TRANSCRIPT, { 'lease-token': token }],
      ['POST', 'fail', { lease_token: token, error }, {}],
    ] as const) {
      const response = await worker.call(method, `/api/v1/jobs/${job_id}/${path}`, { body, headers: more });
      assert.deepEqual(codeOf(response), [403, 'other_worker'], path);
    }
    const lines = [
      { event: 'JOB_PROGRESS', job_id, lease_token: token, percentage: 7 },
      { event: 'JOB_START', job_id: 'job-elsewhere', worker_id: 'worker-other' },
      { event: 'JOB_START', job_id: 'job-elsewhere-2', worker_id: 'worker-own' },
    ].map((line) => JSON.stringify(line));
    const headers = { 'content-type': 'application/x-ndjson' };
    const { body } = await worker.call('POST', '/api/v1/events', { body: lines.join('\n'), headers });
    assert.deepEqual(
      [body.accepted, body.rejected.map(({ line, code }: { line: number; code: string }) => [line, code])],
      [
        1,
        [
          [1, 'other_worker'],
          [2, 'other_worker'],
        ],
      ],
    );
    const sighting = { job_id: 'job-seen', state: 'PROCESSING', told_at: new Date().toISOString() };
    for (const [worker_id, status] of [
      ['worker-other', 403],
      [undefined, 403],
      ['worker-own', 200],
    ] as const) {
      const { status: seen } = await worker.post('/sources/x/jobs', { jobs: [{ ...sighting, worker_id }] });
      assert.equal(seen, status, `reported for ${worker_id}`);
    }
    assert.equal((await admin.get(`/jobs/${job_id}`)).body.state, 'PROCESSING');
  });
});

test('a worker key reads uploads, and no jobs, lists or keys', async () => {
  const worker = await create({ role: 'worker' });
  const upload = await admin.call('POST', '/api/v1/uploads', { body: randomBytes(10) });
  assert.equal((await worker.get(`/uploads/${upload.body.upload_id}`)).status, 200);
  const held = await hold(admin, {}, 'worker-w');
  for (const path of ['/jobs', `/jobs/${held.id}`, '/workers', '/keys']) {
    assert.deepEqual(codeOf(await worker.get(path)), [403, 'role_not_allowed'], path);
  }
});

test('a narrowed key reads the uploads of the jobs that it sees; any other does not exist for it', async () => {
  const [one, other] = [await create({ role: 'submit' }), await create({ role: 'submit' })];
  const { body } = await one.call('POST', '/api/v1/uploads', { body: randomBytes(10) });
  const { upload_id, audio_url } = body;
  await submit(one, { audio_url });
  assert.equal((await one.get(`/uploads/${upload_id}`)).status, 200);
  const hidden = await other.get(`/uploads/${upload_id}`);
  const none = await other.get('/uploads/upload-none');
  assert.deepEqual(codeOf(hidden), [404, 'upload_not_found']);
  assert.equal(hidden.body.detail.replace(upload_id, 'upload-none'), none.body.detail);
  assert.equal((await admin.get(`/uploads/${upload_id}`)).status, 200);
});

test('who acknowledged is the key, unless the body has the name of a person', async () => {
  const operator = await create({ role: 'operate' });
  const silence = { matchers: [{ name: 'worker', op: '=', value: 'x' }], comment: '', created_by: 'ada' };
  const { body } = await operator.post('/system/silences', { ...silence, ends_at: '2100-01-01T00:00:00Z' });
  assert.equal(body.code, 'silence_too_long');
  const ends_at = new Date(Date.now() + 3_600_000).toISOString();
  const made = (await operator.post('/system/silences', { ...silence, ends_at })).body;
  assert.equal((await operator.delete(`/system/silences/${made.id}`)).status, 200);
  const { items } = (await admin.get(`/audit?entity=${made.id}`)).body;
  assert.deepEqual(
    items.map(({ event, key_id }: { event: string; key_id: string }) => [event, key_id]),
    [
      ['SilenceEnded', operator.id],
      ['SilenceCreated', operator.id],
    ],
  );
});
