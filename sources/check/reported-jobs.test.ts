import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOTHING_KNOWN, type Sighting } from '../../protocol/sighting.ts';
import { ReportedJobs } from './reported-jobs.ts';

const NOW_MS = 1_000_000;

const report = (told_ms: number, more: Partial<Sighting>): Sighting => ({
  ...NOTHING_KNOWN,
  job_id: 'job-1',
  state: 'PROCESSING',
  told_ms,
  ...more,
});
const started = (at_ms: number) => report(at_ms, { started_ms: at_ms, worker_id: 'worker-1' });
const completed = (at_ms: number) => report(at_ms, { state: 'COMPLETED', ended_ms: at_ms, worker_id: 'worker-1' });

function reported(...sightings: Sighting[]): ReportedJobs {
  const jobs = new ReportedJobs();
  for (const sighting of sightings) jobs.add(sighting, sighting.told_ms, NOW_MS);
  return jobs;
}

test('of a completed job only its end is kept, and its worker was heard of', () => {
  const jobs = reported(started(10), report(20, { percentage: 50 }), completed(30));
  assert.deepEqual([jobs.whole.size, jobs.completed.size, jobs.movedAt('job-1')], [0, 1, undefined]);
  assert.deepEqual(jobs.get('job-1'), report(30, { state: 'COMPLETED', ended_ms: 30 }));
  assert.deepEqual([...jobs.heard_ms], [['worker-1', 30]]);
  assert.equal(jobs.get('job-2'), undefined);
});

test('a late report of the attempt that completed changes nothing; a later start begins another', () => {
  const late = reported(completed(30), report(25, { percentage: 90 }), report(35, { percentage: 95 }));
  assert.deepEqual([late.whole.size, late.completed.size], [0, 1]);
  const again = reported(completed(30), started(40));
  assert.deepEqual([again.completed.size, again.whole.get('job-1')?.state], [0, 'PROCESSING']);
  assert.equal(again.movedAt('job-1'), 40);
  const failed = reported(started(10), report(30, { state: 'FAILED', ended_ms: 30, error: 'no GPU' }));
  assert.deepEqual([failed.whole.get('job-1')?.error, failed.completed.size], ['no GPU', 0]);
});

test('reports in any order come to the same', () => {
  const all = [started(10), report(20, { percentage: 50 }), completed(30)];
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [1, 2, 0],
    [2, 0, 1],
  ]) {
    const jobs = reported(...order.map((at) => all[at]!));
    assert.deepEqual([jobs.whole.size, [...jobs.completed.keys()]], [0, ['job-1']], order.join());
  }
});

test('a job that completed by a clock that is ahead stays whole, so that this is noticed', () => {
  const jobs = reported(completed(NOW_MS + 1));
  assert.deepEqual([jobs.whole.size, jobs.completed.size], [1, 0]);
});

test('what ended before the window is dropped; open jobs stay, however old', () => {
  const jobs = reported(completed(30), { ...started(10), job_id: 'job-2' });
  jobs.add(report(20, { job_id: 'job-3', state: 'FAILED', ended_ms: 20 }), undefined, NOW_MS);
  jobs.forgetBefore(31);
  assert.deepEqual([[...jobs.whole.keys()], jobs.completed.size], [['job-2'], 0]);
});
