/** Chapter 6. Cancelling: at once if the job waits, otherwise once its worker has stopped. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Story } from './story.ts';

test('06 a cancelled job moves to its hour; a running one is CANCELLING until its worker has stopped', async (t) => {
  const story = await Story.begin(t);
  const { job_id } = await story.submit('JOB');
  const held = await story.claim();
  const waiting = await story.submit('OTHER');

  assert.equal((await story.http.delete(`/jobs/${waiting.job_id}`)).body.state, 'CANCELLED');
  assert.equal((await story.http.delete(`/jobs/${job_id}`)).status, 202);
  assert.deepEqual(await story.objects('jobs/'), [
    'jobs/active/JOB/progress.json',
    'jobs/active/JOB/state.json',
    'jobs/active/JOB/timeline.json',
    'jobs/active/JOB/worker.json',
    'jobs/cancelled/YYYY/MM/DD/hour=HH/OTHER.json',
  ]);
  assert.equal(story.read('jobs/active/JOB/state.json').state, 'CANCELLING');

  const beat = await story.http.post('/workers/worker-123/heartbeat', { leases: [held.token] });
  assert.deepEqual(beat.body.commands, [{ type: 'cancel_job', job_id }]);
  assert.equal((await story.fail(held, true)).state, 'CANCELLED', 'whatever the worker says of it');
  assert.deepEqual(await story.objects('jobs/'), [
    'jobs/cancelled/YYYY/MM/DD/hour=HH/JOB.json',
    'jobs/cancelled/YYYY/MM/DD/hour=HH/OTHER.json',
  ]);
});
