/**
 * Chapter 1. A recording is uploaded and submitted: one segment in the journal, and the job's documents under
 * jobs/active/.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Story } from './story.ts';

test('01 [A15] [A16] [A17] [A18] [A21] [A22] [A79] submitting makes the job known', async (t) => {
  const story = await Story.begin(t);
  const job = await story.submit();
  assert.equal(job.state, 'QUEUED');

  assert.deepEqual(await story.objects(), [
    'jobs/active/JOB/progress.json',
    'jobs/active/JOB/state.json',
    'jobs/active/JOB/timeline.json',
    'jobs/active/JOB/worker.json',
    'journal/00000000000000000001.ndjson',
    'meta/format.json',
    'meta/head.json',
    'meta/store-check.json',
    'meta/views.json',
    'queues/dead-letter-queue.json',
    'queues/main-queue.json',
    'system/health.json',
    'system/metrics/YYYY/MM/DD/hourly/HH.json',
    'system/metrics/daily/YYYY-MM-DD.json',
    'uploads/UPLOAD/000001.part',
    'uploads/UPLOAD/manifest.json',
    'uploads/UPLOAD/uses/000001.json',
  ]);

  // Its place in the queue changes while nothing happens to it, so it is not in the object.
  const object = { ...job, queue_position: null };
  assert.deepEqual(story.read('jobs/active/JOB/state.json'), object, 'otherwise the object is the response');
  assert.equal(story.read('jobs/active/JOB/progress.json').percentage, 0);
  assert.deepEqual(
    story.read('jobs/active/JOB/timeline.json').state_history.map(({ state }: { state: string }) => state),
    ['SUBMITTED', 'QUEUED'],
  );
  assert.equal(story.read('jobs/active/JOB/worker.json').worker, null, 'nobody has it yet');
  assert.equal(story.read('queues/main-queue.json').messages_visible, 1);
});
