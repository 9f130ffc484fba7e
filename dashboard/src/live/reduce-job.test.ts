/** A document and the messages after it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobChanged, JobReported } from '../../../protocol/feed-messages.ts';
import { AT, jobOf } from '../testing.ts';
import { withMessage } from './reduce-job.ts';

const LATER = '2026-11-27T11:01:00Z';

const update = (change: Partial<JobChanged>): JobChanged => ({
  type: 'update',
  event: 'JobProgressed',
  resource: 'job',
  at: LATER,
  seq: 11,
  index: 0,
  job_id: 'job-1',
  state: 'PROCESSING',
  percentage: null,
  stage: null,
  ...change,
});

const report = (percentage: number, at = LATER): JobReported => ({
  type: 'progress',
  resource: 'job',
  at,
  seq: 10,
  index: -1,
  job_id: 'job-1',
  state: 'PROCESSING',
  percentage,
  stage: 'TRANSCRIBING',
});

test('progress changes what it carries and nothing else', () => {
  const job = withMessage(jobOf(), update({ percentage: 45, current_chunk: 5, eta_seconds: 30 }));
  assert.deepEqual(job.progress, {
    percentage: 45,
    stage: 'TRANSCRIBING',
    current_chunk: 5,
    total_chunks: 10,
    eta_seconds: 30,
  });
  assert.deepEqual([job.updated_at, job.as_of_seq, job.worker?.worker_id], [LATER, 11, 'gpu-1']);
});

test('a message that the document includes already changes nothing', () => {
  const job = jobOf();
  assert.equal(withMessage(job, update({ seq: 9, percentage: 1 })), job);
  assert.equal(withMessage(job, report(1, AT)), job);
});

test('a report that is not in the journal yet shows at once, and its event later is no step back', () => {
  const reported = withMessage(jobOf(), report(50));
  assert.deepEqual([reported.progress.percentage, reported.as_of_seq], [50, 10]);
  const written = withMessage(reported, update({ percentage: 50 }));
  assert.deepEqual([written.progress.percentage, written.as_of_seq], [50, 11]);
  const older = withMessage(written, report(48));
  assert.equal(older.progress.percentage, 50);
});

test('a job that is queued again begins anew', () => {
  const queued = withMessage(
    jobOf(),
    update({ event: 'JobQueued', state: 'QUEUED', percentage: 0, attempt: 2, worker_id: null }),
  );
  assert.deepEqual(
    [queued.state, queued.progress.percentage, queued.progress.stage, queued.retry_info.attempt],
    ['QUEUED', 0, null, 2],
  );
  const assigned = withMessage(
    queued,
    update({
      event: 'JobAssigned',
      seq: 12,
      at: '2026-11-27T11:02:00Z',
      percentage: 0,
      attempt: 2,
      worker_id: 'gpu-2',
    }),
  );
  assert.deepEqual([assigned.worker?.worker_id, assigned.started_at], ['gpu-2', '2026-11-27T11:02:00Z']);
});

test('a verdict changes neither the progress nor the time of the last report', () => {
  const verdict = { status: 'hung' as const, reason: 'No progress.', since: AT, evidence: {} };
  const job = withMessage(jobOf(), update({ event: 'JobJudged', verdict, attempt: 1 }));
  assert.deepEqual([job.verdict, job.updated_at, job.progress.percentage], [verdict, AT, 20]);
});

test('a job that has ended has no verdict, no expectation and its end', () => {
  const output = { ...jobOf().output, segments_count: 7 };
  const job = withMessage(
    jobOf({ expected_percentage: 50, expected_completion: { p50: LATER, p90: LATER } }),
    update({ event: 'JobCompleted', state: 'COMPLETED', percentage: 100, output }),
  );
  assert.deepEqual(
    [job.verdict, job.expected_percentage, job.expected_completion, job.completed_at, job.output.segments_count],
    [null, null, null, LATER, 7],
  );
  assert.deepEqual(job.progress, {
    percentage: 100,
    stage: null,
    current_chunk: 10,
    total_chunks: 10,
    eta_seconds: null,
  });
});

test('the mark moves on with the time of the report', () => {
  const expected_completion = { p50: '2026-11-27T11:08:00Z', p90: '2026-11-27T11:20:00Z' };
  const expected = jobOf({ expected_percentage: 20, expected_completion });
  const job = withMessage(expected, update({ percentage: 21 }));
  assert.deepEqual([job.expected_percentage, job.expected_completion], [30, expected_completion]);
});

test('a job that begins is expected at its end from its first moment', () => {
  const expected_completion = { p50: '2026-11-27T11:08:00Z', p90: '2026-11-27T11:20:00Z' };
  const waiting = jobOf({ state: 'QUEUED', expected_start: { p50: LATER, p90: LATER } });
  const job = withMessage(waiting, update({ event: 'JobAssigned', state: 'PROCESSING', expected_completion }));
  assert.deepEqual(
    [job.expected_percentage, job.expected_start, job.expected_completion],
    [0, null, expected_completion],
  );
});
