/** Chapter 4. The transcript is stored, once, and the job moves to the hour in which it ended. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Story } from './story.ts';

test('04 [A8] [A9] [A19] [A78] completing moves the job to its hour, beside its transcript', async (t) => {
  const story = await Story.begin(t);
  const { job_id } = await story.submit('JOB', { output_format: 'srt' });
  const done = await story.complete(await story.claim());
  assert.equal(done.state, 'COMPLETED');

  assert.deepEqual(await story.objects('jobs/', 'workers/', 'transcripts/'), [
    'jobs/completed/YYYY/MM/DD/hour=HH/JOB.json',
    'transcripts/JOB.json',
    'transcripts/JOB.srt',
    'workers/active/worker-123/heartbeat.json',
    'workers/active/worker-123/jobs/current.json',
    'workers/active/worker-123/jobs/history/JOB.json',
    'workers/active/worker-123/status.json',
  ]);

  assert.deepEqual(story.read('jobs/completed/YYYY/MM/DD/hour=HH/JOB.json'), done);
  assert.equal(done.output.s3_path, `file://${story.directory}/transcripts/${job_id}.srt`);
  assert.match((await story.http.get(`/jobs/${job_id}/transcript`)).text, /^1\n00:00:00,000 --> /);
  const worker = story.read('workers/active/worker-123/status.json');
  assert.deepEqual([worker.state, worker.performance.jobs_completed], ['IDLE', 1]);
  assert.equal(story.read('workers/active/worker-123/jobs/current.json').current_job, null);
  assert.equal(story.read('system/metrics/daily/YYYY-MM-DD.json').jobs_completed, 1);
  assert.equal(story.read('system/metrics/YYYY/MM/DD/hourly/HH.json').jobs_completed, 1);
});
