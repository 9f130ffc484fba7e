/** Lists over HTTP: pages, cursors and filters, with changes in between. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Job } from '../../../protocol/job.ts';
import { type ApiResponse, openMonitor } from '../../../test/servers/monitor.ts';
import { claim, complete, fail, hold, register, submit } from '../../../test/servers/steps.ts';

const monitor = await openMonitor({ after });

type Page = { items: Job[]; next_cursor: string | null };

/** Every page of a list; `between` runs before each next one. */
async function pages(query: string, between: () => Promise<unknown> = async () => {}): Promise<Job[][]> {
  const all: Job[][] = [];
  let cursor: string | null = null;
  do {
    const response: ApiResponse<Page> = await monitor.get(
      `/jobs?${query}${cursor === null ? '' : `&cursor=${cursor}`}`,
    );
    assert.equal(response.status, 200);
    all.push(response.body.items);
    cursor = response.body.next_cursor;
    await between();
  } while (cursor !== null);
  return all;
}

const idsOf = (jobs: readonly Job[]) => jobs.map(({ job_id }) => job_id);

async function submitMany(count: number, submission: object = {}): Promise<string[]> {
  const jobs = Array.from({ length: count }, (_, n) => ({ audio_url: `s3://audio/${n}.mp3`, ...submission }));
  const { body } = await monitor.post('/jobs/batch', { jobs });
  return body.jobs.map((result: { job: Job }) => result.job.job_id);
}

test('[A64] pages are newest first, without gap or repetition while jobs are submitted', async () => {
  const ids = await submitMany(57);
  const listed = await pages('limit=10', () => submit(monitor));
  assert.deepEqual(idsOf(listed.flat()), ids.toReversed());
  assert.deepEqual(
    listed.map((page) => page.length),
    [10, 10, 10, 10, 10, 7],
  );
});

test('[A64] a page has at most limit items, 100 by default, 1,000 at most', async () => {
  await submitMany(1000);
  assert.equal((await monitor.get<Page>('/jobs')).body.items.length, 100);
  assert.equal((await monitor.get<Page>('/jobs?limit=1000')).body.items.length, 1000);
  for (const limit of ['0', '1001', '-1', '2.5', 'many', '']) {
    const { status, body } = await monitor.get(`/jobs?limit=${limit}`);
    assert.deepEqual([status, body.code, body.errors[0].field], [400, 'invalid_query', '/limit'], limit);
  }
});

test('a list that ends with a full page ends with an empty one', async () => {
  await submitMany(4, { tags: ['four'] });
  assert.deepEqual(
    (await pages('tag=four&limit=2')).map((page) => page.length),
    [2, 2, 0],
  );
});

test('filters combine: state, priority, tag, worker and text', async () => {
  await register(monitor, 'worker-f');
  const held = await hold(monitor, { tags: ['f', 'g'], priority: 'high', metadata: { name: 'Straße' } }, 'worker-f');
  const { job_id } = await submit(monitor, { tags: ['f'], audio_url: 's3://audio/unheard-of.mp3' });
  const list = async (query: string) => idsOf((await monitor.get<Page>(`/jobs?${query}`)).body.items);
  assert.deepEqual(await list('tag=f'), [job_id, held.id]);
  assert.deepEqual(await list('tag=f&priority=high'), [held.id]);
  assert.deepEqual(await list('tag=f&state=QUEUED'), [job_id]);
  assert.deepEqual(await list('tag=f&state=PROCESSING&worker_id=worker-f'), [held.id]);
  assert.deepEqual(await list('worker_id=worker-f&priority=low'), []);
  assert.deepEqual(await list('q=UNHEARD'), [job_id]);
  assert.deepEqual(await list(`q=${encodeURIComponent('straße')}`), [held.id]);
  await complete(monitor, held);
  assert.deepEqual(await list('tag=f&state=COMPLETED'), [held.id]);
  assert.deepEqual(await list('tag=f&state=PROCESSING'), []);
});

test('created_after is at or after, created_before is before', async () => {
  const { job_id, created_at } = await submit(monitor, { tags: ['dated'] });
  const list = async (query: string) => idsOf((await monitor.get<Page>(`/jobs?tag=dated&${query}`)).body.items);
  assert.deepEqual(await list(`created_after=${created_at}`), [job_id]);
  assert.deepEqual(await list(`created_before=${created_at}`), []);
  assert.deepEqual(await list('created_before=2999-01-01T00:00:00Z&created_after=2001-01-01T00:00:00%2B02:00'), [
    job_id,
  ]);
  for (const wrong of ['yesterday', '2025-07-07', '2025-07-07T10:00:00', '2025-13-01T00:00:00Z'])
    assert.equal((await monitor.get(`/jobs?created_after=${wrong}`)).body.errors[0].field, '/created_after', wrong);
});

test('an unknown state or filter is refused by name', async () => {
  assert.match((await monitor.get('/jobs?state=DONE')).body.errors[0].message, /SUBMITTED/);
  const { status, body } = await monitor.get('/jobs?stat=QUEUED&limit=5');
  assert.deepEqual([status, body.errors[0].field], [400, '/stat']);
  assert.equal((await monitor.get('/jobs?state=QUEUED&state=FAILED')).status, 400);
});

test('a cursor that the monitor never returned is refused', async () => {
  const forge = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const forged = ['x', '!!!', forge(7), forge(null), forge({}), forge({ ordinal: 'x' }), forge({ ordinal: 1.5 })];
  for (const cursor of forged) {
    for (const list of ['/jobs', '/workers', '/workers/worker-f/jobs']) {
      const { status, body } = await monitor.get(`${list}?cursor=${cursor}`);
      assert.deepEqual([status, body.code], [400, 'invalid_cursor'], `${list} ${cursor}`);
    }
  }
  for (const archive of ['../../etc/passwd', '/', 'jobs/completed', '\u0000', '9999-99-99T99|job-1']) {
    const { status, body } = await monitor.get(`/jobs?cursor=${forge({ archive })}`);
    assert.ok(status === 200 || body.code === 'invalid_cursor', `${archive}: ${status} ${body.code}`);
  }
});

test('jobs are listed by the model of their worker, and by the code of their last error', async () => {
  const list = async (query: string) => idsOf((await monitor.get<Page>(`/jobs?tag=m&${query}`)).body.items);
  await register(monitor, 'worker-tiny', { capabilities: { model: 'tiny' } });
  const { job_id } = await submit(monitor, { tags: ['m'], priority: 'high' });
  const held = (await claim(monitor, 'worker-tiny', 1000)).find(({ id }) => id === job_id);
  const other = await hold(monitor, { tags: ['m'] }, 'worker-m');
  assert.deepEqual(await list('model=tiny'), [held!.id]);
  assert.deepEqual(await list('model=large-v3'), []);
  assert.deepEqual(await list('error_code=worker_error'), []);
  await fail(monitor, other);
  assert.deepEqual(await list('error_code=worker_error'), [other.id]);
  assert.deepEqual(await list('model=tiny&error_code=worker_error'), []);
});

test('[A72] a worker’s jobs are listed newest first, page by page, in whatever state', async () => {
  const ids: string[] = [];
  for (let n = 0; n < 5; n++) {
    const held = await hold(monitor, { tags: ['h'] }, 'worker-h');
    ids.push(held.id);
    if (n % 2 === 0) await complete(monitor, held);
    else await fail(monitor, held);
  }
  const mine = (items: { job_id: string }[]) => items.map(({ job_id }) => job_id).filter((id) => ids.includes(id));
  const found: string[] = [];
  let cursor: string | null = null;
  do {
    const next: string = cursor === null ? '' : `&cursor=${cursor}`;
    const { body } = await monitor.get(`/workers/worker-h/jobs?limit=100${next}`);
    for (const item of body.items) assert.equal(item.worker_id, 'worker-h');
    found.push(...mine(body.items));
    cursor = body.next_cursor;
  } while (cursor !== null);
  assert.deepEqual(found, ids.toReversed());
});

test('[A70] workers are listed newest first, page by page', async () => {
  for (let n = 0; n < 7; n++) await register(monitor, `worker-list-${n}`);
  const first = await monitor.get('/workers?limit=4');
  const second = await monitor.get(`/workers?limit=4&cursor=${first.body.next_cursor}`);
  const ids = [...first.body.items, ...second.body.items].map(({ worker_id }) => worker_id);
  assert.deepEqual(
    ids.slice(0, 7),
    Array.from({ length: 7 }, (_, n) => `worker-list-${6 - n}`),
  );
});
