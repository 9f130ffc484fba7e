/** The spans of jobs: their times are those of the record, and their ids follow from the job. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTraceparent } from '../../../protocol/trace-context.ts';
import type { FinishedSpan } from '../../../tracing/span.ts';
import { restore, snapshotRows } from '../../state-machine/state/snapshot.ts';
import { Monitor } from '../../state-machine/testing.ts';
import { attemptTraceparent, spansOfJob } from './job-spans.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const ABOVE = 'b7ad6b7169203331';
const TRACEPARENT = `00-${TRACE}-${ABOVE}-01`;

function monitorWith(traceparent?: string): { monitor: Monitor; begin_ms: number } {
  const monitor = new Monitor();
  const begin_ms = monitor.at_ms;
  monitor.register('worker-1');
  monitor.submit('job-1', traceparent === undefined ? {} : { traceparent });
  return { monitor, begin_ms };
}

/** `name from-to` in seconds since the start. */
const times = (spans: readonly FinishedSpan[], begin_ms: number): string[] =>
  spans.map(({ name, start_ms, end_ms }) => `${name} ${(start_ms - begin_ms) / 1000}-${(end_ms - begin_ms) / 1000}`);

test('a job that is tried twice has both waits and both attempts, with their times', () => {
  const { monitor, begin_ms } = monitorWith(TRACEPARENT);
  const [first] = monitor.later(10_000).claim('worker-1');
  monitor.later(20_000).fail(first!, { code: 'worker_error', message: 'it broke', retryable: true });
  monitor.later(5_000).tick();
  const [second] = monitor.later(1_000).claim('worker-1');
  const given = parseTraceparent(attemptTraceparent(monitor.job('job-1')));
  monitor.later(30_000).complete(second!);
  const spans = spansOfJob(monitor.job('job-1'));
  assert.deepEqual(times(spans, begin_ms), [
    'job 0-66',
    'queued 0-10',
    'queued 30-36',
    'attempt 10-30',
    'attempt 36-66',
  ]);
  const [job, , , failed, completed] = spans;
  assert.deepEqual([job!.trace_id, job!.parent_span_id, job!.error], [TRACE, ABOVE, null]);
  assert.ok(
    spans.slice(1).every(({ parent_span_id, trace_id }) => parent_span_id === job!.span_id && trace_id === TRACE),
  );
  assert.deepEqual([failed!.error, failed!.attributes['error.type']], ['worker_error', 'worker_error']);
  assert.deepEqual(given, { trace_id: TRACE, span_id: completed!.span_id, sampled: true });
  assert.equal(new Set(spans.map(({ span_id }) => span_id)).size, 5);
});

test('a job without a traceparent has a trace of its own, the same at every monitor', () => {
  const { monitor } = monitorWith();
  const [lease] = monitor.claim('worker-1');
  monitor.complete(lease!);
  const [job] = spansOfJob(monitor.job('job-1'));
  assert.match(job!.trace_id, /^[0-9a-f]{32}$/);
  assert.equal(job!.parent_span_id, null);
  const other = restore(snapshotRows(monitor.state));
  assert.deepEqual(spansOfJob(other.job('job-1')!), spansOfJob(monitor.job('job-1')));
});

test('a trace that its submitter does not record is not recorded here, and the worker learns it', () => {
  const { monitor } = monitorWith(`00-${TRACE}-${ABOVE}-00`);
  const [lease] = monitor.claim('worker-1');
  assert.equal(parseTraceparent(attemptTraceparent(monitor.job('job-1')))?.sampled, false);
  monitor.complete(lease!);
  assert.deepEqual(spansOfJob(monitor.job('job-1')), []);
});

test('a job that is retried after its end has a second span, without the attempts of the first', () => {
  const { monitor, begin_ms } = monitorWith(TRACEPARENT);
  const [first] = monitor.later(1_000).claim('worker-1');
  monitor.later(1_000).fail(first!, { code: 'no_audio_track', message: 'there is no audio', retryable: false });
  const before = spansOfJob(monitor.job('job-1'));
  assert.equal(before[0]!.error, 'there is no audio');
  assert.equal(before[0]!.attributes['error.type'], 'no_audio_track');
  monitor.later(60_000).run({ type: 'retry_job', job_id: 'job-1' });
  // Not ended since: what was is unchanged.
  assert.deepEqual(times(spansOfJob(monitor.job('job-1')), begin_ms), ['job 0-2', 'queued 0-1', 'attempt 1-2']);
  const [second] = monitor.later(3_000).claim('worker-1');
  monitor.later(4_000).complete(second!);
  const after = spansOfJob(monitor.job('job-1'));
  assert.deepEqual(times(after, begin_ms), ['job 62-69', 'queued 62-65', 'attempt 65-69']);
  assert.notEqual(after[0]!.span_id, before[0]!.span_id);
});

test('a job that is cancelled while it waits has a wait and no attempt', () => {
  const { monitor, begin_ms } = monitorWith();
  monitor.later(7_000).run({ type: 'cancel_job', job_id: 'job-1' });
  assert.deepEqual(times(spansOfJob(monitor.job('job-1')), begin_ms), ['job 0-7', 'queued 0-7']);
});

test('a job that has not ended has no spans', () => {
  const { monitor } = monitorWith();
  assert.deepEqual(spansOfJob(monitor.job('job-1')), []);
});
