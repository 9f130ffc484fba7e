/** Nothing of one tenant is visible to another. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { FEED_RESOURCES } from '../../protocol/feed.ts';
import { FEED_PERMISSIONS } from '../../server/access/feed-permissions.ts';
import { permissionsOf } from '../../server/access/roles.ts';
import type { Endpoint } from '../../server/api/endpoint.ts';
import { endpoints } from '../../server/api/http/app.ts';
import { randomOf } from '../random.ts';
import { EventsClient, FeedClient } from '../servers/feed-client.ts';
import { OURS, problemOf, ROLES, THEIRS, World } from './worlds.ts';

const STEPS = 40;
const VERDICTS_MS = 15_000;

for (const seed of [2, 3]) {
  test(`what a tenant reads is the same whether or not another has jobs, by seed ${seed}`, async (t) => {
    const [shared, alone] = [await World.open(t), await World.open(t)];
    const random = randomOf(seed);
    for (let step = 0; step < STEPS; step += 1) {
      const who = random() < 0.5 ? OURS : THEIRS;
      const chance = [random(), random(), random()] as const;
      await shared.step(who, chance);
      if (who === OURS) await alone.step(who, chance);
      const turn_ms = Math.floor(4_000 * random());
      await Promise.all([shared.beat(), alone.beat()]);
      await Promise.all([shared.clock.turn(turn_ms), alone.clock.turn(turn_ms)]);
      if (step % 20 !== 19) continue;
      // Until every verdict has been recorded: when that happens depends on what else does.
      await Promise.all([shared.clock.turn(VERDICTS_MS), alone.clock.turn(VERDICTS_MS)]);
      const [seen, expected] = [await shared.reads(), await alone.reads()];
      assert.deepEqual(seen, expected);
    }
    assert.ok(shared.theirs.jobs.length > 3 && shared.ours.jobs.length > 3);
  });
}

const world = await World.open({ after });
const stranger = { job_id: '', upload_id: '', worker_id: 'theirs_1', tenant: THEIRS } as Record<string, string>;
const nothing = {
  job_id: 'job-nothing',
  upload_id: 'upload-nothing',
  worker_id: 'theirs_9',
  tenant: 'nobody',
} as Record<string, string>;

before(async () => {
  const { submit, worker } = world.theirs.keys;
  const upload = await submit.post('/uploads?name=a.wav', 'audio', { 'content-type': 'audio/wav' });
  stranger.upload_id = upload.body.upload_id;
  const { body } = await submit.post('/jobs', { audio_url: upload.body.audio_url });
  stranger.job_id = body.job_id;
  await worker.put('/workers/theirs_1', { capabilities: { model: 'tiny' } });
  await worker.post('/workers/theirs_1/claim', {});
});

describe('[S1] every operation', () => {
  for (const role of ROLES) {
    test(`with a key of the role ${role} and a tenant is allowed unless it shows or changes more than that tenant`, async () => {
      const allowed = permissionsOf(role, true);
      for (const { method, path, operation, permission } of endpoints) {
        if (operation === 'events.follow') continue;
        const at = `/api/v1${path.replace(/:worker_id/, 'ours_0').replace(/:[a-z_]+/g, 'nothing')}`;
        const body =
          method === 'GET' ? {} : { body: '{"nonsense":1}', headers: { 'content-type': 'application/json' } };
        const { status, text, body: problem } = await world.ours.keys[role].call(method, at, body);
        const refused = status === 403 && /^(role_not_allowed|key_narrowed)$/.test(problem?.code);
        assert.equal(refused, !allowed.has(permission), `${operation}: ${status} ${text.slice(0, 200)}`);
      }
    });
  }
});

const LEASE = { lease_token: 'guessed' };
/** A body that passes the schema, for each operation about one thing that has a body. */
const BODIES: Record<string, unknown> = {
  'jobs.reportProgress': { ...LEASE, percentage: 5 },
  'jobs.putTranscript': { text: 'x', language: 'en', duration_seconds: 1, engine: 'e', segments: [] },
  'jobs.complete': { ...LEASE, output: { s3_path: 's3://t/x', segments_count: 1 } },
  'jobs.fail': { ...LEASE, error: { code: 'x', message: 'x', retryable: true } },
  'workers.register': { capabilities: { model: 'tiny' } },
  'tenants.put': { weight: 2 },
  'jobs.createLink': { for: 'transcript' },
};
/** What an operation requires in its query. */
const QUERIES: Record<string, string> = { 'jobs.putAttemptLog': '?end_bytes=0' };
const OF_ONE = /:(job_id|upload_id|worker_id|tenant)\b/;

const requestOf = ({ method, path, operation, consumes }: Endpoint, id: string) => ({
  method,
  path: `/api/v1${path.replace(OF_ONE, id).replace(':attempt', '1')}${QUERIES[operation] ?? ''}`,
  send: {
    ...(method === 'GET' ? {} : { body: BODIES[operation] ?? (method === 'DELETE' ? undefined : consumes ? 'x' : {}) }),
    headers: { 'lease-token': 'guessed', ...(consumes ? { 'content-type': consumes[0]! } : {}) },
  },
});

describe('[S1] [S2] every operation about one thing', () => {
  for (const endpoint of endpoints.filter(({ path }) => OF_ONE.test(path))) {
    const [, name] = OF_ONE.exec(endpoint.path)!;
    test(`${endpoint.operation}: the id of another tenant is one that does not exist`, async () => {
      for (const role of ROLES) {
        const caller = world.ours.keys[role];
        const answers = [stranger, nothing].map(async (of) => {
          const { method, path, send } = requestOf(endpoint, of[name!]!);
          return problemOf(await caller.call(method, path, send), of[name!]!);
        });
        const [theirs, none] = await Promise.all(answers);
        assert.equal(theirs, none, role);
        assert.match(theirs!, /^(403|404) /, `${role} ${theirs}`);
      }
    });
  }
});

test('[S1] [S2] every call over the WebSocket about one thing is refused alike', async (t) => {
  for (const role of ROLES) {
    const client = await FeedClient.open(t, world.admin.url, world.ours.secrets[role]);
    for (const { operation, path, http_only } of endpoints) {
      const [, name] = OF_ONE.exec(path) ?? [];
      if (http_only || name === undefined) continue;
      const attempt = path.includes(':attempt') ? { attempt: 1 } : {};
      const body = BODIES[operation] === undefined ? {} : { body: BODIES[operation] };
      const answers = [stranger, nothing].map(async (of) => {
        const answer = await client.call(operation, { params: { [name]: of[name]!, ...attempt }, ...body });
        return JSON.stringify({ ...answer, id: '' })
          .replaceAll(of[name]!, 'ID')
          .replace(/"request_id":"[^"]+"/, '');
      });
      const [theirs, none] = await Promise.all(answers);
      assert.equal(theirs, none, `${role} ${operation}`);
      assert.match(theirs!, /"status":40[34]/, `${role} ${operation}`);
    }
  }
});

test('[S1] every resource of the feed is refused to a tenant, or has its own jobs alone', async (t) => {
  for (const role of ROLES) {
    const client = await FeedClient.open(t, world.admin.url, world.ours.secrets[role]);
    for (const resource of FEED_RESOURCES) {
      const ask = (of: Record<string, string>) =>
        client.ask({ action: 'subscribe', resource, job_id: of.job_id, worker_id: of.worker_id, id: 'x' });
      if (resource === 'jobs' && role !== 'worker') {
        client.send({ action: 'subscribe', resource });
        assert.deepEqual((await client.until(({ type }) => type === 'state')).items, []);
        continue;
      }
      const [theirs, none] = [await ask(stranger), await ask(nothing)];
      assert.equal(theirs.type, 'error');
      assert.equal(JSON.stringify(theirs).replace(stranger.job_id!, 'job-nothing'), JSON.stringify(none));
      assert.equal(theirs.code === 'job_not_found', resource === 'job' && role !== 'worker');
      if (FEED_PERMISSIONS[resource] === 'fleet') assert.match(theirs.code, /key_narrowed|role_not_allowed/);
    }
  }
  const stream = await EventsClient.open(t, world.admin.url, '', {
    authorization: `Bearer ${world.ours.secrets.operate}`,
  });
  await world.step(THEIRS, [0, 0, 0.5]);
  await world.step(OURS, [0, 0, 0.5]);
  const first = await stream.until(({ data }) => data?.type === 'update');
  assert.equal(first.data.job_id, world.ours.jobs.at(-1));
});

describe('a tenant', () => {
  test('submits jobs for itself alone; keys of the role operate without a tenant name one', async () => {
    const job = { audio_url: 's3://audio/a.wav' };
    const foreign = await world.ours.keys.submit.post('/jobs', { ...job, tenant: THEIRS });
    assert.deepEqual([foreign.status, foreign.body.code], [403, 'tenant_not_allowed']);
    const own = await world.ours.keys.submit.post('/jobs', { ...job, tenant: OURS });
    assert.equal(own.body.tenant, OURS);
    const named = await world.admin.post('/jobs', { ...job, tenant: OURS });
    assert.equal((await world.ours.keys.read.get(`/jobs/${named.body.job_id}`)).status, 200);
    assert.equal(
      (await world.admin.get('/jobs?tenant=theirs')).body.items.some(({ tenant }: never) => tenant === OURS),
      false,
    );
    const unnamed = await world.admin.post('/jobs', job);
    assert.equal('tenant' in unnamed.body, false);
    assert.equal((await world.ours.keys.read.get(`/jobs/${unnamed.body.job_id}`)).status, 404);
  });

  test('cannot submit the upload of another', async () => {
    const submitted = (id: string) => world.ours.keys.submit.post('/jobs', { audio_url: `upload://${id}/a.wav` });
    const [theirs, none] = [await submitted(stranger.upload_id!), await submitted('upload-nothing')];
    assert.equal(problemOf(theirs, stranger.upload_id!), problemOf(none, 'upload-nothing'));
    assert.equal(theirs.body.code, 'upload_not_found');
  });

  test('has an Idempotency-Key to itself, although another has used the same', async () => {
    const headers = { 'idempotency-key': 'the same' };
    const job = { audio_url: 's3://audio/a.wav' };
    const [one, other] = [
      await world.theirs.keys.submit.post('/jobs', job, headers),
      await world.ours.keys.submit.post('/jobs', job, headers),
    ];
    assert.deepEqual([one.status, other.status], [201, 201]);
    assert.notEqual(one.body.job_id, other.body.job_id);
  });

  test('has workers that get its jobs alone; other workers get those of all', async () => {
    const { worker } = world.ours.keys;
    await world.admin.put('/workers/shared', { capabilities: { model: 'tiny' } });
    await worker.put('/workers/ours_8', { capabilities: { model: 'tiny' } });
    const own = await worker.post('/workers/ours_8/claim', { max_jobs: 100 });
    assert.ok(own.body.jobs.length > 0);
    assert.deepEqual([...new Set(own.body.jobs.map(({ job }: { job: { tenant: string } }) => job.tenant))], [OURS]);
    const rest = await world.admin.post('/workers/shared/claim', { max_jobs: 100 });
    assert.ok(rest.body.jobs.some(({ job }: { job: { tenant: string } }) => job.tenant === THEIRS));
    assert.ok(rest.body.jobs.some(({ job }: { job: { tenant?: string } }) => job.tenant === undefined));
  });

  test('cannot make a worker of others its own: it has to register it with its key', async () => {
    await world.admin.put('/workers/ours_7', { capabilities: { model: 'tiny' } });
    const claimed = await world.ours.keys.worker.post('/workers/ours_7/claim', {});
    assert.deepEqual([claimed.status, claimed.body.code], [404, 'worker_not_found']);
  });
});
