/** The job document has every field of the documents' shape, and is valid by the schema of responses. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Job, JobProgressDocument, JobTimeline } from '../../protocol/job.ts';
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../protocol/time.ts';
import { Monitor } from '../state-machine/testing.ts';
import { running, started } from '../state-machine/testing-recording.ts';
import { assertValid } from '../state-machine/testing-schemas.ts';
import { jobDocument, progressDocument, timelineDocument, workerJobDocument } from './job.ts';

describe('a job document', () => {
  const { monitor, lease } = running();
  const job = jobDocument(monitor.job('job-abc123'));

  test('is valid in every state', () => {
    const states = new Monitor();
    const held = states.claimed('completed');
    states.submit('queued');
    for (const id of ['processing', 'cancelling', 'failed', 'cancelled']) states.claimed(id);
    for (const id of ['completed', 'failed']) {
      const { run } = states.job(id);
      const lease = { job_id: id, token: run!.token!, expires_ms: 0 };
      if (id === 'completed') states.complete(held);
      else states.fail(lease, { retryable: false });
    }
    for (const job_id of ['cancelling', 'queued']) states.run({ type: 'cancel_job', job_id });
    for (const record of states.state.tables.jobs.values()) {
      assertValid(Job, jobDocument(record));
      assertValid(JobProgressDocument, progressDocument(record));
      assertValid(JobTimeline, timelineDocument(record));
    }
    assertValid(Job, job);
  });

  test('[A26] has its id, state and times', () => {
    assert.deepEqual(
      [job.job_id, job.state, job.created_at, job.updated_at],
      ['job-abc123', 'PROCESSING', '2025-07-07T19:30:00Z', '2025-07-07T19:35:00Z'],
    );
    assert.equal(job.estimated_completion, '2025-07-07T19:45:00Z');
  });

  test('[A27] has its input', () => {
    assert.deepEqual(job.input, {
      s3_path: 's3://audio/file.mp3',
      duration_seconds: 4860,
      file_size_bytes: 75_000_000,
      audio_url_expires_at: null,
      require_complete: false,
    });
  });

  test('[A27] shows no credentials of an input URL', () => {
    const other = new Monitor();
    other.submit('job-1', { audio_url: 'https://example.org/a.mp3?X-Amz-Signature=secret' });
    assert.equal(jobDocument(other.job()).input.s3_path, 'https://example.org/a.mp3');
  });

  test('[A27] shows the whole address of an input that has neither a signature nor credentials', () => {
    for (const audio_url of [
      'https://example.org/a.mp3',
      'https://example.org:8443/a@b.mp3#x@y',
      's3://audio/what?.mp3',
      's3://audio/a@b.mp3',
    ]) {
      const other = new Monitor();
      other.submit('job-1', { audio_url });
      assert.equal(jobDocument(other.job()).input.s3_path, audio_url);
    }
  });

  test('[A29] has its worker', () => {
    const { gpu_usage, ...worker } = job.worker!;
    assert.deepEqual(worker, {
      worker_id: 'worker-123',
      instance_id: 'i-0123456789',
      assigned_at: '2025-07-07T19:32:00Z',
    });
    assert.equal(gpu_usage, null);
  });

  test('[A30] has its progress, with the stage in upper case', () => {
    const expected = { percentage: 45, stage: 'TRANSCRIBING', current_chunk: 15, total_chunks: 33, eta_seconds: 600 };
    assert.deepEqual(job.progress, expected);
    const { job_id, state, updated_at, as_of_seq, ...progress } = progressDocument(monitor.job('job-abc123'));
    assert.deepEqual(progress, expected);
    assert.deepEqual([job_id, state, updated_at, as_of_seq], [job.job_id, job.state, job.updated_at, job.as_of_seq]);
  });

  test('[A30] completed: no stage is shown, and all chunks are done, whatever the last report said', () => {
    const { monitor, lease } = started();
    const chunks = () => {
      const { stage, current_chunk, total_chunks } = jobDocument(monitor.job('job-abc123')).progress;
      return [stage, current_chunk, total_chunks];
    };
    monitor.progress(lease, 100, { stage: 'UPLOADING', current_chunk: 0, total_chunks: 1 });
    assert.deepEqual(chunks(), ['UPLOADING', 0, 1]);
    monitor.complete(lease);
    assert.deepEqual(chunks(), [null, 1, 1]);
  });

  test('[A31] has its performance: waiting time, processing time, audio transcribed so far ÷ processing time', () => {
    assert.deepEqual(job.performance, {
      queue_time_seconds: 120,
      processing_time_seconds: 180,
      throughput_factor: (4860 * 0.45) / 180,
      download_time_seconds: 120,
    });
  });

  test('[A31] an eta that the worker does not report is estimated from the last reports', () => {
    const { monitor, lease } = started();
    monitor.later(10 * MINUTE_MS).progress(lease, 10);
    monitor.later(MINUTE_MS).progress(lease, 20);
    monitor.later(MINUTE_MS).progress(lease, 30);
    // Ten percent a minute of late: seven minutes more, not the twenty-eight of the mean since the start.
    const { progress, estimated_completion } = jobDocument(monitor.job('job-abc123'));
    assert.equal(progress.eta_seconds, 420);
    assert.equal(estimated_completion, '2025-07-07T19:51:00Z');
  });

  test('an eta needs two reports between which both the percentage and the time have grown', () => {
    const eta = (...reports: [after_ms: number, percentage: number][]) => {
      const { monitor, lease } = started();
      for (const [after_ms, percentage] of reports) monitor.later(after_ms).progress(lease, percentage);
      return jobDocument(monitor.job('job-abc123')).progress.eta_seconds;
    };
    assert.equal(eta([MINUTE_MS, 10]), null, 'one report');
    assert.equal(eta([MINUTE_MS, 10], [MINUTE_MS, 10]), null, 'the same percentage');
    assert.equal(eta([MINUTE_MS, 20], [MINUTE_MS, 10]), null, 'a smaller percentage');
    assert.equal(eta([MINUTE_MS, 10], [0, 20]), null, 'no time between them');
    assert.equal(eta([MINUTE_MS, 0], [MINUTE_MS, 50]), 60, 'from the first percent on');
    assert.equal(eta([MINUTE_MS, 50], [MINUTE_MS, 100]), 0, 'nothing is left');
    assert.equal(eta([MINUTE_MS, 0], [365 * DAY_MS, 50]), 365 * 24 * 3600, 'a year');
  });

  test('an eta of exactly a year is shown, with the time at which it ends', () => {
    const { monitor, lease } = started();
    monitor.progress(lease, 1, { eta_seconds: 365 * 24 * 3600 });
    const { progress, estimated_completion } = jobDocument(monitor.job('job-abc123'));
    assert.equal(progress.eta_seconds, 365 * 24 * 3600);
    assert.match(estimated_completion!, /^2026-07-07T/);
  });

  test('an eta beyond a year is null, so that no document has a time beyond the calendar', () => {
    const { monitor, lease } = started();
    monitor.later(MINUTE_MS).progress(lease, 45);
    monitor.later(50).progress(lease, 45.00000000000001);
    const noise = jobDocument(monitor.job('job-abc123'));
    assert.deepEqual([noise.progress.eta_seconds, noise.estimated_completion], [null, null]);
    monitor.progress(lease, 46, { eta_seconds: 1e9 });
    const reported = jobDocument(monitor.job('job-abc123'));
    assert.deepEqual([reported.progress.eta_seconds, reported.estimated_completion], [1e9, null]);
  });

  test('[A32] [A51] has its history, with details', () => {
    assert.deepEqual(job.state_history, [
      { state: 'SUBMITTED', timestamp: '2025-07-07T19:30:00Z', details: 'Job submitted to queue' },
      { state: 'QUEUED', timestamp: '2025-07-07T19:30:00Z', details: 'Message in main queue' },
      { state: 'PROCESSING', timestamp: '2025-07-07T19:32:00Z', details: 'Assigned to worker-123' },
    ]);
    assert.deepEqual(timelineDocument(monitor.job('job-abc123')).state_history, job.state_history);
  });

  test('[A33] has its attempts', () => {
    assert.deepEqual(job.retry_info, { attempt: 1, max_attempts: 3, last_error: null, next_attempt_at: null });
  });

  test('[A34] has its cost: none yet, and the instance time so far', () => {
    assert.deepEqual(job.cost_tracking, {
      estimated_cost_usd: null,
      actual_cost_usd: null,
      instance_time_seconds: 180,
    });
  });

  test('[A28] [A34] [A35] completed: has its output and its cost, instance seconds × hourly price ÷ 3600', () => {
    monitor.later(2 * MINUTE_MS).complete(lease, 150);
    const done = jobDocument(monitor.job('job-abc123'));
    assert.deepEqual(
      done.state_history.map(({ state }) => state),
      ['SUBMITTED', 'QUEUED', 'PROCESSING', 'COMPLETED'],
    );
    assert.deepEqual(done.output, {
      s3_path: 's3://transcripts/job-abc123.json',
      segments_count: 150,
      confidence_score: null,
      warnings: [],
      suspect: false,
    });
    assert.deepEqual(done.cost_tracking, {
      estimated_cost_usd: null,
      actual_cost_usd: (300 * 0.36) / 3600,
      instance_time_seconds: 300,
    });
    assert.deepEqual(
      [done.completed_at, done.estimated_completion, done.progress.percentage, done.worker?.gpu_usage],
      ['2025-07-07T19:37:00Z', null, 100, 95.8],
    );
    assert.equal(done.performance.throughput_factor, 4860 / 300);
    assertValid(Job, done);
  });

  test('[A34] the cost includes all attempts', () => {
    const other = new Monitor({ retry_base_ms: 0 });
    other.register('worker-1', 3.6);
    let lease = other.claimed();
    for (const minutes of [1, 2]) {
      other.later(minutes * MINUTE_MS).fail(lease);
      other.tick(false);
      lease = other.claim('worker-1')[0]!;
    }
    other.later(3 * MINUTE_MS).complete(lease);
    const { cost_tracking } = jobDocument(other.job());
    assert.deepEqual([cost_tracking.actual_cost_usd, cost_tracking.instance_time_seconds], [0.36, 360]);
  });

  test('[A34] the estimate is duration ÷ mean throughput × mean price ÷ 3600, null if one is unknown', () => {
    assert.equal(monitor.state.scalars.throughput_factor, 16.2);
    monitor.submit('job-next', { duration_seconds: 1620 });
    assert.equal(jobDocument(monitor.job('job-next')).cost_tracking.estimated_cost_usd, 0.01);
    monitor.submit('job-unknown');
    assert.equal(jobDocument(monitor.job('job-unknown')).cost_tracking.estimated_cost_usd, null);
  });

  test('[A50] every change updates updated_at and as_of_seq', () => {
    const other = new Monitor();
    const lease = other.claimed();
    const before = jobDocument(other.job());
    other.later(SECOND_MS).progress(lease, 1);
    const after = jobDocument(other.job());
    assert.deepEqual([before.updated_at, after.updated_at], ['2025-07-07T19:30:00Z', '2025-07-07T19:30:01Z']);
    assert.deepEqual([before.as_of_seq, after.as_of_seq], [other.state.seq - 1, other.state.seq]);
  });
});

test("a job in a worker's history has the time of that worker's own attempt", () => {
  const monitor = new Monitor({ retry_base_ms: 0 });
  const first = monitor.claimed();
  monitor.later(MINUTE_MS).fail(first);
  monitor.tick(false);
  monitor.register('worker-2');
  monitor.claim('worker-2');
  const assigned = ['worker-1', 'worker-2'].map((id) => workerJobDocument(monitor.job(), id).assigned_at);
  assert.deepEqual(assigned, ['2025-07-07T19:30:00Z', '2025-07-07T19:31:00Z']);
});
