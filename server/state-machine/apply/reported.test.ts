/**
 * Old journals in which workers reported jobs without a lease are still folded, and their jobs are never handed out.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deadLetterQueueDocument, mainQueueDocument } from '../../documents/queues.ts';
import type { Event, JournalEvent } from '../events.ts';
import { restore, snapshotRows } from '../state/snapshot.ts';
import { Monitor, observation, typesOf } from '../testing.ts';
import { applyEvents, beginSegment } from './apply.ts';

const reported = (job_id: string, worker_id: string): Event[] => [
  {
    type: 'JobSubmitted',
    entity: job_id,
    data: {
      audio_url: '',
      output_format: 'json',
      priority: 'normal',
      max_attempts: 1,
      duration_seconds: null,
      file_size_bytes: null,
      tags: [],
      metadata: null,
      webhook_url: null,
      estimated_cost_usd: null,
      details: 'First heard of in a report',
    },
  },
  {
    type: 'JobAssigned',
    entity: job_id,
    data: { worker_id, instance_id: null, attempt: 1, token: null, expires_ms: null, estimated_cost_usd: null },
  },
];
const error = { code: 'worker_terminated', message: 'it was terminated', retryable: true };
const ended = (job_id: string): Event => ({
  type: 'JobAttemptFailed',
  entity: job_id,
  data: { attempt: 1, error, cost_usd: null },
});
const queued = (job_id: string): Event => ({
  type: 'JobQueued',
  entity: job_id,
  data: { attempt: 1, not_before_ms: null, batch_size: null, keeps_place: true, details: 'Returned to main queue' },
});
const failed = (job_id: string, dead_until_ms: number): Event => ({
  type: 'JobFailed',
  entity: job_id,
  data: { dead_until_ms, details: 'worker_error' },
});

/** job-1 runs, job-2 is in the dead-letter queue, job-3 returned to the queue when its worker was lost. */
function before(): Monitor {
  const monitor = new Monitor();
  monitor.register('worker-1');
  const events = [
    ...['job-1', 'job-2', 'job-3'].flatMap((id) => reported(id, 'worker-1')),
    ended('job-2'),
    failed('job-2', monitor.at_ms + 1e9),
    ended('job-3'),
    queued('job-3'),
  ];
  beginSegment(monitor.state, monitor.state.seq + 1, monitor.at_ms);
  applyEvents(
    monitor.state,
    events.map((event, i): JournalEvent => ({ id: `old//${i}`, at: '', actor: 'api', ...event })),
  );
  return monitor;
}

test('jobs that an old journal reported without a lease have the states in the journal', () => {
  const monitor = before();
  const states = ['job-1', 'job-2', 'job-3'].map((id) => monitor.job(id).state);
  assert.deepEqual(states, ['PROCESSING', 'FAILED', 'QUEUED']);
  assert.equal(monitor.worker().holds.length, 1);
  assert.equal(deadLetterQueueDocument(monitor.state).messages_visible, 1);
});

test('none of them is handed out, by any command', () => {
  for (const restored of [false, true]) {
    const monitor = before();
    if (restored) monitor.state = restore(snapshotRows(monitor.state));
    monitor.register('worker-2');
    assert.deepEqual(monitor.claim('worker-2', 10), []);
    assert.deepEqual(mainQueueDocument(monitor.state).messages_visible, 0);
    assert.equal(monitor.run({ type: 'retry_job', job_id: 'job-2' }).refusal?.code, 'runs_elsewhere');
    assert.deepEqual(typesOf(monitor.run({ type: 'redrive', filter: {} })), []);
    monitor.run({ type: 'terminate_worker', worker_id: 'worker-1', reason: 'asked for' });
    assert.equal(monitor.job('job-1').state, 'PROCESSING');
    assert.deepEqual(monitor.claim('worker-2', 10), []);
  }
});

test('they can be cancelled, and purged from the dead letters', () => {
  const monitor = before();
  for (const job_id of ['job-1', 'job-3']) monitor.run({ type: 'cancel_job', job_id });
  monitor.later(120_000).tick();
  assert.deepEqual([monitor.job('job-1').state, monitor.job('job-3').state], ['CANCELLED', 'CANCELLED']);
  monitor.run({ type: 'purge_queue', queue: 'dlq', filter: {} });
  assert.equal(monitor.job('job-2').dead, null);
});

test('a sighting continues them', () => {
  const monitor = before();
  const sighting = {
    job_id: 'job-1',
    state: 'COMPLETED' as const,
    told_ms: monitor.at_ms + 5_000,
    worker_id: null,
    started_ms: null,
    ended_ms: monitor.at_ms + 5_000,
    percentage: null,
    stage: null,
    audio_duration: null,
    duration: null,
    segments: 3,
    s3_path: null,
    error: null,
  };
  monitor.later(6_000).run(observation('reports', [sighting]));
  const { state, run, output } = monitor.job('job-1');
  assert.deepEqual([state, run?.worker_id, output?.segments_count], ['COMPLETED', 'worker-1', 3]);
});
