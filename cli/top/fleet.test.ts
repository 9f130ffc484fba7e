/** How `tmon top` applies the feed's messages. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FeedEvent } from '../../protocol/feed-messages.ts';
import { Fleet } from './fleet.ts';

const position = { seq: 1, index: 0 };
const job = (job_id: string, state: string, more: object = {}): FeedEvent =>
  ({
    type: 'update',
    resource: 'job',
    event: 'JobProgressed',
    at: '2026-01-01T00:00:00Z',
    ...position,
    job_id,
    state,
    percentage: null,
    stage: null,
    ...more,
  }) as FeedEvent;
const worker = (worker_id: string, event: string, more: object = {}): FeedEvent =>
  ({
    type: 'update',
    resource: 'worker',
    event,
    at: '2026-01-01T00:00:00Z',
    ...position,
    worker_id,
    ...more,
  }) as FeedEvent;

test('a verdict lasts while the job stays in its state and attempt, and changes nothing else', () => {
  const fleet = new Fleet();
  const shown = () => {
    const { verdict, percentage, eta_seconds, stage } = fleet.jobs.get('job-1')!;
    return [verdict, percentage, eta_seconds, stage];
  };
  const verdict = (status: string) => ({ status, reason: '', since: '2026-01-01T00:00:00Z', evidence: {} });
  const judged = (status: string) =>
    ({ ...job('job-1', 'PROCESSING', { attempt: 1, verdict: verdict(status) }), event: 'JobJudged' }) as FeedEvent;
  fleet.apply(job('job-1', 'PROCESSING', { percentage: 40, stage: 'TRANSCRIBING', eta_seconds: 9, attempt: 1 }));
  fleet.apply(judged('hung'));
  assert.deepEqual(shown(), ['hung', 40, 9, 'TRANSCRIBING']);
  fleet.apply(job('job-1', 'PROCESSING', { percentage: 50, attempt: 1 }));
  assert.equal(shown()[0], 'hung');
  fleet.apply(judged('on_track'));
  assert.equal(shown()[0], null);
  fleet.apply(judged('dead'));
  fleet.apply(job('job-1', 'PROCESSING', { percentage: 0, worker_id: 'worker-2', attempt: 2 }));
  assert.equal(shown()[0], null);
});

test('a job is as its events say; what an event leaves out has not changed', () => {
  const fleet = new Fleet();
  fleet.apply(job('job-1', 'QUEUED', { percentage: 0, worker_id: null, attempt: 1 }));
  fleet.apply(job('job-1', 'PROCESSING', { percentage: 0, worker_id: 'worker-1', attempt: 1 }));
  fleet.apply(job('job-1', 'PROCESSING', { percentage: 40, stage: 'TRANSCRIBING', eta_seconds: 9, attempt: 1 }));
  assert.deepEqual(fleet.jobs.get('job-1'), {
    job_id: 'job-1',
    state: 'PROCESSING',
    percentage: 40,
    stage: 'TRANSCRIBING',
    eta_seconds: 9,
    worker_id: 'worker-1',
    attempt: 1,
    expected_by: null,
    verdict: null,
    details: null,
  });
  assert.deepEqual([...fleet.held().keys()], ['worker-1']);
  fleet.apply(job('job-1', 'QUEUED', { percentage: 0, worker_id: null, attempt: 2 }));
  assert.deepEqual([fleet.jobs.get('job-1')?.stage, fleet.held().size], [null, 0]);
});

test('jobs that end leave the list, and the last of them stay in sight', () => {
  const fleet = new Fleet();
  for (let i = 0; i < 30; i += 1) fleet.apply(job(`job-${i}`, 'COMPLETED', { percentage: 100 }));
  fleet.apply(job('job-x', 'FAILED', { details: 'engine_crashed: it broke' }));
  assert.equal(fleet.jobs.size, 0);
  assert.equal(fleet.ended.length, 20);
  assert.deepEqual([fleet.ended[0]?.job_id, fleet.ended[0]?.details], ['job-x', 'engine_crashed: it broke']);
});

test('a reset forgets what is no longer there', () => {
  const fleet = new Fleet();
  fleet.apply(job('gone', 'QUEUED'));
  const items = ['new', 'old'].map((job_id) => ({ ...job(job_id, 'QUEUED'), type: 'state' }));
  fleet.apply({ type: 'reset', resource: 'jobs', ...position, items, more: false } as FeedEvent);
  assert.deepEqual([...fleet.jobs.keys()], ['old', 'new']);
});

test('workers come, beat, drain and go', () => {
  const fleet = new Fleet();
  fleet.apply(worker('worker-1', 'WorkerRegistered', { capabilities: { model: 'base.en' } }));
  fleet.apply(worker('worker-1', 'WorkerBeat', { health: { status: 'DEGRADED', cpu_usage: 90 } }));
  const { state, health, model } = fleet.workers.get('worker-1')!;
  assert.deepEqual([state, health.status, health.cpu_usage, model], ['IDLE', 'DEGRADED', 90, 'base.en']);
  fleet.apply(worker('worker-1', 'WorkerDraining', { state: 'DRAINING' }));
  fleet.apply(worker('worker-1', 'WorkerRegistered', { capabilities: {} }));
  assert.equal(fleet.workers.get('worker-1')?.state, 'DRAINING');
  fleet.apply(worker('worker-1', 'WorkerTerminated', { state: 'TERMINATED' }));
  assert.equal(fleet.workers.size, 0);
});

test('alerts are raised and resolved', () => {
  const fleet = new Fleet();
  const alert = (event: string, more: object) =>
    fleet.apply({
      type: 'update',
      resource: 'alert',
      event,
      at: '',
      ...position,
      alert_id: 'a',
      ...more,
    } as FeedEvent);
  alert('AlertRaised', { rule: 'queue_slow', subject: 'main', severity: 'WARNING', message: 'slow' });
  assert.equal(fleet.alerts.get('a')?.message, 'slow');
  alert('AlertResolved', { resolved_by: 'condition' });
  assert.equal(fleet.alerts.size, 0);
});
