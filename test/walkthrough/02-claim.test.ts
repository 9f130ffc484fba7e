/**
 * Chapter 2. A worker registers and claims the job: it gets a lease, and the directory shows which worker has which
 * job.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Story } from './story.ts';

test('02 [A10] [A11] [A12] [A13] [A80] a claim is visible in the job and in the worker', async (t) => {
  const story = await Story.begin(t);
  const { job_id } = await story.submit();
  const held = await story.claim();
  assert.equal(held.id, job_id);
  assert.ok(held.lease.token && held.lease.expires_at);

  assert.deepEqual(await story.objects('jobs/', 'workers/'), [
    'jobs/active/JOB/progress.json',
    'jobs/active/JOB/state.json',
    'jobs/active/JOB/timeline.json',
    'jobs/active/JOB/worker.json',
    'workers/active/worker-123/heartbeat.json',
    'workers/active/worker-123/jobs/current.json',
    'workers/active/worker-123/jobs/history/JOB.json',
    'workers/active/worker-123/status.json',
  ]);

  const assigned = story.read('jobs/active/JOB/worker.json');
  assert.deepEqual([assigned.worker.worker_id, assigned.attempt], ['worker-123', 1]);
  const current = story.read('workers/active/worker-123/jobs/current.json');
  assert.deepEqual([current.current_job.job_id, current.job_ids], [job_id, [job_id]]);
  assert.equal(story.read('workers/active/worker-123/status.json').state, 'ACTIVE');
  assert.equal(story.read('workers/active/worker-123/jobs/history/JOB.json').state, 'PROCESSING');
  assert.equal(story.read('queues/main-queue.json').messages_inflight, 1);
});
