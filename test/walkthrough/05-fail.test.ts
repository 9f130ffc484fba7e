/** Chapter 5. Attempts fail: the job is retried, then it is a dead letter until it is redriven. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job } from '../../protocol/job.ts';
import { Story } from './story.ts';

test('05 [A20] [A22] [A79] a permanently failed job is stored by its id and by its hour, until it is redriven', async (t) => {
  const story = await Story.begin(t);
  const { job_id } = await story.submit('JOB', { max_attempts: 2 });
  const again = await story.fail(await story.claim(), true);
  assert.deepEqual([again.state, again.retry_info.attempt], ['QUEUED', 2], 'the first failure brings it back');
  story.clock.jump(1_000);
  await story.http.until<Job>(`/jobs/${job_id}`, ({ retry_info }) => retry_info.next_attempt_at === null);
  const failed = await story.fail(await story.claim(), true);
  assert.equal(failed.state, 'FAILED', 'the second was its last');

  assert.deepEqual(await story.objects('jobs/'), [
    'jobs/failed/JOB/state.json',
    'jobs/failed/YYYY/MM/DD/hour=HH/JOB.json',
  ]);
  assert.deepEqual(story.read('jobs/failed/JOB/state.json'), failed);
  assert.equal(story.read('queues/dead-letter-queue.json').messages_visible, 1);

  const dry = await story.http.post('/queues/dlq/redrive', { dry_run: true });
  assert.deepEqual(dry.body.job_ids, [job_id]);
  await story.http.post('/queues/dlq/redrive');
  assert.deepEqual(await story.objects('jobs/'), [
    'jobs/active/JOB/progress.json',
    'jobs/active/JOB/state.json',
    'jobs/active/JOB/timeline.json',
    'jobs/active/JOB/worker.json',
  ]);
  const timeline = story.read('jobs/active/JOB/timeline.json');
  assert.deepEqual(
    timeline.state_history.map(({ state }: { state: string }) => state),
    ['SUBMITTED', 'QUEUED', 'PROCESSING', 'QUEUED', 'PROCESSING', 'FAILED', 'QUEUED'],
    'its whole life goes with it',
  );
});
