/** Jobs that have left memory: found and listed as before, and final. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Job } from '../../../protocol/job.ts';
import { JumpingClock } from '../../../test/servers/jumping-clock.ts';
import { type ApiResponse, openMonitor } from '../../../test/servers/monitor.ts';
import { AUDIO, complete, completion, hold, register, submit, TRANSCRIPT } from '../../../test/servers/steps.ts';
import { MemoryStore } from '../../objects/memory.ts';
import { keysIn } from '../../views/testing-monitor.ts';

const clock = new JumpingClock();
const monitor = await openMonitor({ after }, { clock, finished_max: 0, finished_window_ms: 0 });
const ARCHIVE_MS = 10_000;

async function archive(): Promise<void> {
  clock.jump(ARCHIVE_MS);
  await monitor.until('/system/metrics', ({ jobs }) => jobs.COMPLETED + jobs.CANCELLED === 0);
}

/** A finished job that is no longer in memory. */
async function archived(submission: object = {}): Promise<{ job: Job; token: string }> {
  const held = await hold(monitor, submission);
  await monitor.put(`/jobs/${held.id}/transcript`, TRANSCRIPT, { 'lease-token': held.token });
  const job = await complete(monitor, held);
  await archive();
  return { job, token: held.token };
}

test('[A65] [A66] [A67] a job’s documents are the same long after it has left memory', async () => {
  const { job } = await archived({ duration_seconds: 60, tags: ['kept'], metadata: { a: 'b' } });
  const { status, headers, body } = await monitor.get<Job>(`/jobs/${job.job_id}`);
  assert.deepEqual([status, body], [200, job]);
  assert.equal((await monitor.get(`/jobs/${job.job_id}`, { 'if-none-match': headers.get('etag')! })).status, 304);
  assert.equal((await monitor.get(`/jobs/${job.job_id}/progress`)).body.percentage, 100);
  assert.deepEqual((await monitor.get(`/jobs/${job.job_id}/timeline`)).body.state_history, job.state_history);
  assert.match((await monitor.get(`/jobs/${job.job_id}/transcript?format=text`)).text, /hello/);
});

test('[A69] changes to an archived job are refused with its final state', async () => {
  const { job, token } = await archived();
  const error = { code: 'worker_error', message: 'x', retryable: true };
  for (const [method, path, body, code] of [
    ['DELETE', '', undefined, 'transition_not_allowed'],
    ['POST', '/retry', undefined, 'transition_not_allowed'],
    ['POST', '/complete', completion('stale.1.token'), 'lease_expired'],
    ['POST', '/fail', { lease_token: 'stale.1.token', error }, 'lease_expired'],
    ['PUT', '/progress', { lease_token: token, percentage: 5 }, 'lease_expired'],
    ['PUT', '/transcript', TRANSCRIPT, 'lease_expired'],
  ] as const) {
    const send = { body, headers: { 'lease-token': token } };
    const response = await monitor.call(method, `/api/v1/jobs/${job.job_id}${path}`, send);
    const { code: returned, state } = response.body;
    assert.deepEqual([response.status, returned, state], [409, code, 'COMPLETED'], `${method} ${path}`);
  }
});

test('the worker that completed the job may report it again, and gets the same response', async () => {
  const { job, token } = await archived();
  const again = await monitor.post<Job>(`/jobs/${job.job_id}/complete`, completion(token));
  assert.deepEqual([again.status, again.body], [200, job]);
});

test('a submission repeated with its key returns the same job', async () => {
  const key = { 'idempotency-key': 'archived-1' };
  await register(monitor);
  const first = await monitor.post<Job>('/jobs', { audio_url: AUDIO }, key);
  await monitor.delete(`/jobs/${first.body.job_id}`);
  await archive();
  const again = await monitor.post<Job>('/jobs', { audio_url: AUDIO }, key);
  assert.deepEqual([again.status, again.body.job_id, again.body.state], [201, first.body.job_id, 'CANCELLED']);
});

test('[A64] lists continue from memory into the archive, page by page, each job once', async () => {
  const ids = new Set<string>();
  for (let n = 0; n < 7; n++) ids.add((await archived({ tags: ['deep'] })).job.job_id);
  for (let n = 0; n < 4; n++) ids.add((await submit(monitor, { tags: ['deep'] })).job_id);
  const found: string[] = [];
  let cursor: string | null = null;
  do {
    const { status, body }: ApiResponse<{ items: Job[]; next_cursor: string | null }> = await monitor.get(
      `/jobs?tag=deep&limit=3${cursor === null ? '' : `&cursor=${cursor}`}`,
    );
    assert.equal(status, 200);
    found.push(...body.items.map(({ job_id }) => job_id));
    cursor = body.next_cursor;
  } while (cursor !== null);
  assert.equal(found.length, 11);
  assert.deepEqual(new Set(found), ids);
  const completed = (await monitor.get('/jobs?tag=deep&state=COMPLETED&limit=1000')).body.items;
  assert.equal(completed.length, 7);
  assert.deepEqual((await monitor.get('/jobs?tag=deep&state=PROCESSING')).body.items, []);
});

test('jobs that leave memory between two pages are listed once, in their place', async () => {
  const ids: string[] = [];
  for (let n = 0; n < 6; n++) ids.unshift((await submit(monitor, { tags: ['moving'] })).job_id);
  const page = async (cursor: string | null) =>
    (await monitor.get(`/jobs?tag=moving&limit=2${cursor === null ? '' : `&cursor=${cursor}`}`)).body as {
      items: Job[];
      next_cursor: string | null;
    };
  const found: string[] = [];
  let cursor: string | null = null;
  for (const ended of [[ids[0]!, ids[4]!], [ids[1]!, ids[5]!], []]) {
    const { items, next_cursor }: Awaited<ReturnType<typeof page>> = await page(cursor);
    found.push(...items.map(({ job_id }) => job_id));
    cursor = next_cursor;
    for (const job_id of ended) await monitor.delete(`/jobs/${job_id}`);
    if (ended.length > 0) await archive();
  }
  while (cursor !== null) {
    const { items, next_cursor }: Awaited<ReturnType<typeof page>> = await page(cursor);
    found.push(...items.map(({ job_id }) => job_id));
    cursor = next_cursor;
  }
  assert.deepEqual(found, ids);
  assert.deepEqual(new Set((await page(null)).items.map(({ job_id }) => job_id)), new Set([ids[2], ids[3]]));
});

test('a list skips and reports a damaged pack, and continues with the next', async () => {
  const store = new MemoryStore(clock);
  const other = await openMonitor({ after }, { clock, objects: store, finished_max: 0, finished_window_ms: 0 });
  const ids: string[] = [];
  for (let n = 0; n < 3; n++) {
    ids.push((await submit(other)).job_id);
    await other.delete(`/jobs/${ids[n]}`);
    clock.jump(ARCHIVE_MS);
    await other.until('/system/metrics', ({ jobs }) => jobs.CANCELLED === 0);
  }
  const packs = await keysIn(store, 'archive/packs/');
  assert.equal(packs.length, 3);
  await store.put(packs[1]!, Buffer.from('{}'));
  const { status, body } = await other.get('/jobs?limit=1000');
  assert.equal(status, 200);
  assert.deepEqual(
    body.items.map(({ job_id }: Job) => job_id),
    [ids[2], ids[0]],
  );
  assert.deepEqual(body.unreadable, [{ key: packs[1], problem: 'is damaged: its bytes have changed' }]);
  const damaged = await other.get(`/jobs/${ids[1]}`);
  assert.deepEqual([damaged.status, damaged.body.code], [500, 'archive_damaged']);
  assert.match(damaged.body.detail, new RegExp(packs[1]!));
});

test('[A71] a worker that terminated long ago is found', async () => {
  await register(monitor, 'worker-of-old', { capabilities: { model: 'tiny' } });
  const ended = (await monitor.delete('/workers/worker-of-old')).body;
  clock.jump(8 * 86_400_000);
  clock.jump(ARCHIVE_MS);
  await monitor.until('/workers', ({ items }) =>
    items.every(({ worker_id }: { worker_id: string }) => worker_id !== 'worker-of-old'),
  );
  const { status, body } = await monitor.get('/workers/worker-of-old');
  assert.deepEqual([status, body.state, body.capabilities], [200, 'TERMINATED', ended.capabilities]);
});
