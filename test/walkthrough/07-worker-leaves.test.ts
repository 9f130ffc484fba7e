/** Chapter 7. The worker is terminated: its job returns to its place in the queue, its final state is kept. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Story } from './story.ts';

test('07 [A13] [A14] a terminated worker leaves its final state and its history', async (t) => {
  const story = await Story.begin(t);
  const { job_id } = await story.submit();
  await story.claim();
  await story.http.delete('/workers/worker-123');

  assert.deepEqual(await story.objects('workers/'), [
    'workers/active/worker-123/jobs/history/JOB.json',
    'workers/terminated/worker-123-YYYYMMDD.json',
  ]);
  assert.equal(story.read('workers/terminated/worker-123-YYYYMMDD.json').state, 'TERMINATED');
  const job = story.read('jobs/active/JOB/state.json');
  assert.deepEqual([job.job_id, job.state, job.retry_info.attempt], [job_id, 'QUEUED', 1]);
  assert.equal(story.read('jobs/active/JOB/worker.json').worker.worker_id, 'worker-123', 'who had it last');
});
