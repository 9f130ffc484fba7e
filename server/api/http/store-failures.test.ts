/** A failing store through the API: only what is in the journal is acknowledged, reads continue, and it recovers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job } from '../../../protocol/job.ts';
import { FaultyStore, SECRET_WORDS } from '../../../test/servers/faulty-store.ts';
import { JumpingClock } from '../../../test/servers/jumping-clock.ts';
import { type ApiResponse, type Monitor, openMonitor } from '../../../test/servers/monitor.ts';
import { AUDIO, complete, hold, submit, TRANSCRIPT } from '../../../test/servers/steps.ts';
import { segmentKey } from '../../journal/keys.ts';

type Cleaning = Parameters<typeof openMonitor>[0];

async function open(t: Cleaning) {
  const clock = new JumpingClock();
  const store = new FaultyStore(clock);
  return { clock, store, monitor: await openMonitor(t, { clock, objects: store }) };
}

const outcomeUnknown = ({ settings }: Monitor) => settings.outcome_unknown_ms;
/** Longer than the pause after a failure of the store. */
const PAUSE_MS = 2_000;

/** Sends a request while the store fails, and advances the clock until it gets a response. */
async function sendInto(
  { clock, store, monitor }: Awaited<ReturnType<typeof open>>,
  fault: 'silent' | 'lossy' | 'dead',
  headers: Record<string, string> = {},
): Promise<ApiResponse> {
  const failed = store.break(fault);
  const sent = monitor.post('/jobs', { audio_url: AUDIO, tags: ['sent'] }, headers);
  await failed;
  clock.jump(outcomeUnknown(monitor));
  return sent;
}

function assertUnavailable({ status, headers, body, text }: ApiResponse, code: string): void {
  assert.deepEqual([status, body?.code], [503, code]);
  assert.ok(Number(headers.get('retry-after')) > 0);
  assert.ok(!text.includes(SECRET_WORDS), '[S31] the store’s own message is only for its owner');
}

for (const fault of ['silent', 'lossy'] as const) {
  test(`with a ${fault} store the outcome is unknown, and the key later returns the first result`, async (t) => {
    const all = await open(t);
    const { clock, store, monitor } = all;
    const there = await submit(monitor);
    const key = { 'idempotency-key': 'mine' };
    const unknown = await sendInto(all, fault, key);
    assertUnavailable(unknown, 'outcome_unknown');
    assert.equal(unknown.body.idempotency_key, 'mine');

    assertUnavailable(await monitor.post('/jobs', { audio_url: AUDIO }), 'store_unavailable');
    const read = await monitor.get<Job>(`/jobs/${there.job_id}`);
    assert.equal(read.status, 200);
    assert.ok(read.headers.get('tmon-stale'), 'reads continue, and are marked stale');
    assert.equal((await monitor.get('/jobs?tag=sent')).body.items.length, 0);
    const ready = await monitor.call('GET', '/readyz');
    assert.deepEqual([ready.status, ready.body.status], [503, 'not_ready']);

    store.repair();
    const healed = monitor.get(`/queues/main?min_seq=${Number(read.headers.get('tmon-seq')) + 1}`);
    clock.jump(PAUSE_MS);
    assert.equal((await healed).headers.get('tmon-stale'), null);
    assert.equal((await monitor.call('GET', '/readyz')).status, 200);
    const again = await monitor.post<Job>('/jobs', { audio_url: AUDIO, tags: ['sent'] }, key);
    assert.equal(again.status, 201);
    const { items } = (await monitor.get('/jobs?tag=sent')).body;
    assert.deepEqual(
      items.map(({ job_id }: Job) => job_id),
      [again.body.job_id],
      'it was done once',
    );
  });
}

test('without a key of its own a caller gets one, with which the request takes effect once', async (t) => {
  const all = await open(t);
  const unknown = await sendInto(all, 'lossy');
  assertUnavailable(unknown, 'outcome_unknown');
  assert.match(unknown.body.idempotency_key, /^tmon-/);
  all.store.repair();
  const healed = all.monitor.get('/queues/main?min_seq=1');
  all.clock.jump(PAUSE_MS);
  await healed;
  const key = { 'idempotency-key': unknown.body.idempotency_key };
  const again = await all.monitor.post<Job>('/jobs', { audio_url: AUDIO, tags: ['sent'] }, key);
  assert.equal(again.status, 201);
  assert.equal((await all.monitor.get('/jobs?tag=sent')).body.items.length, 1);
});

test('with a full store nothing is written or acknowledged, and writing resumes once there is room', async (t) => {
  const { clock, store, monitor } = await open(t);
  const held = await hold(monitor);
  const before = await monitor.get<Job>(`/jobs/${held.id}`);
  store.break('full');
  const refused = await monitor.post('/jobs', { audio_url: AUDIO });
  assertUnavailable(refused, 'store_refused');
  assert.ok(refused.body.hint.includes('/readyz'));
  for (const response of [
    await monitor.delete(`/jobs/${held.id}`),
    await monitor.post('/workers/worker-1/drain'),
    await monitor.put('/workers/worker-2', { capabilities: {} }),
    await monitor.post('/queues/main/purge'),
  ])
    assertUnavailable(response, 'store_refused');
  const report = { lease_token: held.token, percentage: 50 };
  assertUnavailable(await monitor.put(`/jobs/${held.id}/progress`, report), 'store_unavailable');
  assertUnavailable(
    await monitor.put(`/jobs/${held.id}/transcript`, TRANSCRIPT, { 'lease-token': held.token }),
    'store_refused',
  );
  assertUnavailable(await monitor.call('POST', '/api/v1/uploads', { body: 'audio' }), 'store_refused');
  assert.deepEqual((await monitor.get<Job>(`/jobs/${held.id}`)).body, before.body);
  const ready = await monitor.call('GET', '/readyz');
  assert.deepEqual([ready.status, ready.body.halted], [503, false]);
  assert.match(ready.body.problem, /store_full/, 'the problem has the code of the failure');

  store.repair();
  clock.jump(PAUSE_MS);
  assert.equal((await monitor.post('/jobs', { audio_url: AUDIO })).status, 201);
  assert.equal((await monitor.call('GET', '/readyz')).status, 200);
  assert.equal((await complete(monitor, held)).state, 'COMPLETED', 'the lease has outlived the trouble');
});

test('a store that does not respond does not block reads from memory', async (t) => {
  const all = await open(t);
  const { monitor } = all;
  const held = await hold(monitor);
  assertUnavailable(await sendInto(all, 'dead'), 'outcome_unknown');
  assert.equal((await monitor.get(`/jobs/${held.id}`)).status, 200);
  assert.equal((await monitor.get('/jobs')).status, 200);
  assert.equal((await monitor.get('/system/health')).status, 200);
  assert.equal((await monitor.get('/workers/worker-1')).status, 200);
  const beat = await monitor.post('/workers/worker-1/heartbeat', { leases: [held.token, 'stale.1.token'] });
  assertUnavailable(beat, 'store_unavailable');
  assert.equal((await monitor.post(`/jobs/${held.id}/complete`, { lease_token: 'x' })).status, 400);
  assertUnavailable(await monitor.get('/jobs/job-archived-perhaps'), 'store_unavailable');
  assertUnavailable(await monitor.get(`/jobs/${held.id}/transcript`), 'store_unavailable');
  assert.equal((await monitor.post('/workers/worker-1/claim', {})).status, 503);
  all.store.repair();
  all.clock.jump(PAUSE_MS);
});

test('leases do not expire because of a time in which the store accepted no writes', async (t) => {
  const all = await open(t);
  const { clock, store, monitor } = all;
  const held = await hold(monitor, { tags: ['held'] });
  await sendInto(all, 'silent');
  clock.jump(10 * monitor.settings.lease_ms);
  const seq = Number((await monitor.get('/queues/main')).headers.get('tmon-seq'));
  store.repair();
  const healed = monitor.get(`/queues/main?min_seq=${seq + 1}`);
  clock.jump(PAUSE_MS);
  assert.equal((await healed).status, 200);
  const { body } = await monitor.post('/workers/worker-1/heartbeat', { leases: [held.token] });
  assert.equal(body.leases.length, 1);
  clock.jump(PAUSE_MS);
  assert.equal((await complete(monitor, held)).state, 'COMPLETED');
});

test('a damaged segment is named; the state before it is served, and nothing is written', async (t) => {
  const clock = new JumpingClock();
  const store = new FaultyStore(clock);
  const first = await openMonitor(t, { clock, objects: store });
  const jobs = [await submit(first), await submit(first), await submit(first)];
  await first.stop();
  const got = await store.get(segmentKey(2));
  assert.ok(got.found);
  await store.put(segmentKey(2), Buffer.from(Buffer.from(got.bytes).toString().replace('s3://audio', 's3://other')));
  const before = await contentOf(store);

  const second = await openMonitor(t, { clock, objects: store });
  const ready = await second.call('GET', '/readyz');
  assert.deepEqual([ready.status, ready.body.halted, ready.body.seq], [503, true, 1]);
  assert.ok(ready.body.problem.includes(segmentKey(2)), ready.body.problem);
  const read = await second.get<Job>(`/jobs/${jobs[0]!.job_id}`);
  assert.deepEqual([read.status, read.body.state], [200, 'QUEUED']);
  assert.ok(read.headers.get('tmon-stale'));
  assert.equal((await second.get(`/jobs/${jobs[1]!.job_id}`)).status, 404, 'never applied');
  assertUnavailable(await second.post('/jobs', { audio_url: AUDIO }), 'journal_halted');
  assertUnavailable(await second.put('/workers/worker-1', { capabilities: {} }), 'journal_halted');
  await second.stop();
  assert.deepEqual(await contentOf(store), before, 'and the store is left as it was');
});

async function contentOf(store: FaultyStore): Promise<Record<string, string>> {
  const content: Record<string, string> = {};
  for await (const { key } of store.list('')) {
    const got = await store.get(key);
    if (got.found) content[key] = Buffer.from(got.bytes).toString();
  }
  return content;
}
