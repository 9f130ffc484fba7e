/** The queues over HTTP: waiting jobs, dead letters, purging and redriving, with and without a dry run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job } from '../../../protocol/job.ts';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { claim, fail, hold, register, submit } from '../../../test/servers/steps.ts';

test('[A43] [A75] GET /queues/main counts waiting, held and delayed jobs', async (t) => {
  const monitor = await openMonitor(t, { retry_base_ms: 60_000 });
  const empty = await monitor.get('/queues/main');
  assert.equal(empty.status, 200);
  assert.deepEqual([empty.body.queue, empty.body.messages_visible, empty.body.age_oldest_message], ['main', 0, null]);
  await register(monitor);
  for (const priority of ['high', 'high', 'normal', 'low', 'low', 'low']) await submit(monitor, { priority });
  const [first] = await claim(monitor, 'worker-1', 2);
  await fail(monitor, first!, true);
  const { body } = await monitor.get('/queues/main');
  assert.deepEqual(body.by_priority, { high: 0, normal: 1, low: 3 });
  assert.deepEqual([body.messages_visible, body.messages_inflight, body.messages_delayed], [4, 1, 1]);
  assert.ok(body.age_oldest_message >= 0 && body.updated_at.endsWith('Z'));
});

test('[A76] GET /queues/dlq counts permanently failed jobs, which GET /jobs lists', async (t) => {
  const monitor = await openMonitor(t);
  for (const priority of ['high', 'low']) await fail(monitor, await hold(monitor, { priority }));
  const { status, body } = await monitor.get('/queues/dlq');
  assert.equal(status, 200);
  assert.deepEqual([body.queue, body.messages_visible], ['dlq', 2]);
  assert.deepEqual(body.by_priority, { high: 1, normal: 0, low: 1 });
  assert.equal((await monitor.get('/jobs?state=FAILED')).body.items.length, 2);
});

test('[A77] POST /queues/main/purge cancels the waiting jobs that match, or all, and returns them', async (t) => {
  const monitor = await openMonitor(t);
  const running = await hold(monitor);
  const old = await submit(monitor, { tags: ['old'] });
  const kept = await submit(monitor);
  const dry = await monitor.post('/queues/main/purge', { filter: { tag: 'old' }, dry_run: true });
  assert.deepEqual([dry.status, dry.body], [200, { job_ids: [old.job_id], dry_run: true }]);
  assert.equal((await monitor.get(`/jobs/${old.job_id}`)).body.state, 'QUEUED', 'a dry run changes nothing');
  const done = await monitor.post('/queues/main/purge', { filter: { tag: 'old' } });
  assert.deepEqual(done.body, { job_ids: [old.job_id], dry_run: false });
  assert.equal((await monitor.get(`/jobs/${old.job_id}`)).body.state, 'CANCELLED');
  assert.deepEqual((await monitor.post('/queues/main/purge')).body.job_ids, [kept.job_id]);
  assert.equal(
    (await monitor.get(`/jobs/${running.id}`)).body.state,
    'PROCESSING',
    'a held job is not a message in the queue',
  );
});

test('a redrive returns exactly the jobs of its dry run to the queue, with all their attempts', async (t) => {
  const monitor = await openMonitor(t);
  const dead: string[] = [];
  for (const priority of ['high', 'low', 'high'])
    dead.push((await fail(monitor, await hold(monitor, { priority }))).job_id);
  for (const [filter, ids] of [
    [{ priority: 'high' }, [dead[0], dead[2]]],
    [{ error_code: 'worker_error' }, dead],
    [{ error_code: 'other' }, []],
    [{ job_ids: [dead[1], 'job-unknown'] }, [dead[1]]],
    [{ worker_id: 'worker-1', q: 'IT BROKE' }, dead],
    [{ created_before: '2001-01-01T00:00:00Z' }, []],
  ] as const) {
    const { body } = await monitor.post('/queues/dlq/redrive', { filter, dry_run: true });
    assert.deepEqual(body, { job_ids: ids, dry_run: true }, JSON.stringify(filter));
  }
  const { body } = await monitor.post('/queues/dlq/redrive', { filter: { priority: 'high' } });
  assert.deepEqual(body, { job_ids: [dead[0], dead[2]], dry_run: false });
  const back = (await monitor.get<Job>(`/jobs/${dead[0]}`)).body;
  assert.deepEqual([back.state, back.retry_info.attempt, back.completed_at], ['QUEUED', 1, null]);
  assert.equal((await monitor.get('/queues/dlq')).body.messages_visible, 1);
  assert.deepEqual((await monitor.post('/queues/dlq/redrive')).body.job_ids, [dead[1]], 'without a filter, the rest');
  assert.equal((await claim(monitor, 'worker-1', 10)).length, 3);
});

test('purged dead letters stay FAILED and cannot be redriven', async (t) => {
  const monitor = await openMonitor(t);
  const { job_id } = await fail(monitor, await hold(monitor));
  assert.deepEqual((await monitor.post('/queues/dlq/purge')).body.job_ids, [job_id]);
  assert.equal((await monitor.get('/queues/dlq')).body.messages_visible, 0);
  assert.equal((await monitor.get(`/jobs/${job_id}`)).body.state, 'FAILED');
  assert.deepEqual((await monitor.post('/queues/dlq/redrive')).body.job_ids, []);
});

test('a misspelt filter is refused and affects nothing', async (t) => {
  const monitor = await openMonitor(t);
  const { job_id } = await submit(monitor);
  for (const path of ['/queues/main/purge', '/queues/dlq/purge', '/queues/dlq/redrive']) {
    for (const [body, field] of [
      [{ filter: { tags: 'old' } }, '/filter/tags'],
      [{ filters: {} }, '/filters'],
      [{ dryrun: true }, '/dryrun'],
      [{ filter: { created_after: 'yesterday' } }, '/filter/created_after'],
      [{ dry_run: 'true' }, '/dry_run'],
    ] as const) {
      const response = await monitor.post(path, body);
      assert.equal(response.status, 400, `${path} ${JSON.stringify(body)}`);
      assert.ok(response.body.errors.some((error: { field: string }) => error.field === field));
    }
  }
  assert.equal((await monitor.get(`/jobs/${job_id}`)).body.state, 'QUEUED');
});
