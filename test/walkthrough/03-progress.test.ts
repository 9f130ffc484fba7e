/**
 * Chapter 3. The worker reports progress and sends heartbeats: both are soft, and visible within the configured time.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Story } from './story.ts';

test('03 [A11] [A16] progress and heartbeats are visible in the documents of the job and of the worker', async (t) => {
  const story = await Story.begin(t);
  await story.submit();
  const { id, token } = await story.claim();

  const report = { percentage: 45, stage: 'TRANSCRIBING', current_chunk: 15, total_chunks: 33, eta_seconds: 600 };
  const told = await story.http.put(`/jobs/${id}/progress`, { lease_token: token, ...report });
  assert.equal(told.status, 202, 'received; in the journal a moment later');
  const health = { cpu_usage: 85.5, memory_usage: 65.2, gpu_usage: 95.8, disk_usage: 45.1 };
  const beat = await story.http.post('/workers/worker-123/heartbeat', { health, leases: [token] });
  assert.equal(beat.body.leases[0].token, token, 'the lease is renewed');

  await story.objects();
  const { job_id: _, state, updated_at, as_of_seq, ...progress } = story.read('jobs/active/JOB/progress.json');
  assert.deepEqual([state, progress], ['PROCESSING', report]);
  assert.ok(updated_at && as_of_seq);
  const job = story.read('jobs/active/JOB/state.json');
  assert.ok(job.estimated_completion > job.updated_at);
  const { last_heartbeat, health: shown } = story.read('workers/active/worker-123/heartbeat.json');
  assert.deepEqual(shown, { status: 'HEALTHY', reason: null, ...health });
  assert.ok(last_heartbeat);
});
