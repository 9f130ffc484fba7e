/** One change for many jobs, against a real monitor. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { TranscriptionAPI } from '../../../../sdk/typescript/index.ts';
import { openMonitor } from '../../../../test/servers/monitor.ts';
import { complete, fail, hold, submit } from '../../../../test/servers/steps.ts';
import { apply, collect, undoCancel } from './bulk.ts';

const monitor = await openMonitor({ after });
const api = new TranscriptionAPI({ baseUrl: monitor.url });
const collected = async (action: 'cancel' | 'retry', query: object) =>
  (await collect(api, query, { action, signal: new AbortController().signal, onCount: () => {} })).jobs;

test('cancelling all that match takes those that wait and those that run, and nothing else', async () => {
  const running = await hold(monitor, { tags: ['bulk'] });
  await complete(monitor, await hold(monitor, { tags: ['bulk'] }, 'worker-2'));
  const other = await submit(monitor, { tags: ['other'] });
  const jobs = Array.from({ length: 1000 }, (_, n) => ({ audio_url: `s3://audio/${n}.mp3`, tags: ['bulk'] }));
  await monitor.post('/jobs/batch', { jobs });
  const list = await collected('cancel', { tag: 'bulk' });
  assert.equal(list.length, 1001);
  const { done, refused } = await apply(api, list, { action: 'cancel', by_queue: true });
  assert.deepEqual([done.length, refused], [1001, []]);
  assert.equal((await api.jobs.get(running.id)).state, 'CANCELLING');
  assert.equal((await api.jobs.get(other.job_id)).state, 'QUEUED');
  assert.equal((await collected('cancel', { tag: 'bulk' })).length, 0);
});

test('what was cancelled returns to the queue when that is undone', async () => {
  const ids = [(await submit(monitor, { tags: ['undo'] })).job_id, (await submit(monitor, { tags: ['undo'] })).job_id];
  await apply(api, await collected('cancel', { tag: 'undo' }), { action: 'cancel', by_queue: true });
  await undoCancel(api, ids);
  for (const id of ids) assert.equal((await api.jobs.get(id)).state, 'QUEUED');
});

test('running again takes failed and cancelled jobs, and reports those that refuse', async () => {
  const failed = await hold(monitor, { tags: ['again'] });
  await fail(monitor, failed);
  const cancelled = await submit(monitor, { tags: ['again'] });
  await api.jobs.cancel(cancelled.job_id);
  const list = await collected('retry', { tag: 'again' });
  assert.equal(list.length, 2);
  await api.jobs.retry(cancelled.job_id);
  const { done, refused } = await apply(api, list, { action: 'retry', by_queue: true });
  assert.deepEqual(done, [failed.id]);
  assert.deepEqual(
    refused.map(({ job_id }) => job_id),
    [cancelled.job_id],
  );
});
