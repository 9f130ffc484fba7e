/** Lanes of a job's attempts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jobOf } from '../../testing.ts';
import { timelineOf } from './timeline.ts';

const at = (minute: number) => `2026-11-27T11:${String(minute).padStart(2, '0')}:00Z`;
const entry = (state: string, minute: number, details = '') => ({
  state: state as 'QUEUED',
  timestamp: at(minute),
  details,
});
const worker = (minute: number, worker_id = 'gpu-2') => ({
  worker_id,
  instance_id: null,
  assigned_at: at(minute),
  gpu_usage: null,
});
const kinds = (timeline: ReturnType<typeof timelineOf>) =>
  timeline.lanes.map(({ parts }) => parts.map(({ kind, from, width }) => [kind, Math.round(from), Math.round(width)]));

const TWO = [
  entry('SUBMITTED', 0, 'Job submitted to queue'),
  entry('QUEUED', 0, 'Message in main queue'),
  entry('PROCESSING', 2, 'Assigned to gpu-1'),
  entry('QUEUED', 4, 'Returned to main queue: gpu_out_of_memory'),
  entry('PROCESSING', 5, 'Assigned to gpu-2'),
];

test('each attempt has a lane to scale, from its place in the queue to what ended it', () => {
  const job = jobOf({
    created_at: at(0),
    state: 'COMPLETED',
    verdict: null,
    worker: worker(5),
    performance: { ...jobOf().performance, download_time_seconds: 60 },
    state_history: [...TWO, entry('COMPLETED', 10, 'Transcribed by gpu-2')],
  });
  const timeline = timelineOf(job, Date.parse(at(30)));
  assert.deepEqual(kinds(timeline), [
    [
      ['queued', 0, 20],
      ['failed', 20, 20],
    ],
    [
      ['queued', 40, 10],
      ['download', 50, 10],
      ['done', 60, 40],
    ],
  ]);
  assert.deepEqual(
    timeline.lanes.map(({ worker_id }) => worker_id),
    ['gpu-1', 'gpu-2'],
  );
  assert.equal(timeline.lanes[0]!.parts[1]!.label, 'gpu out of memory');
  assert.deepEqual([timeline.queued_seconds, timeline.worked_seconds], [180, 420]);
});

test('a job that hangs has an open end since its last step', () => {
  const job = jobOf({
    created_at: at(0),
    worker: worker(5),
    state_history: TWO,
    verdict: { status: 'hung', reason: '', since: at(8), evidence: {} },
  });
  assert.deepEqual(kinds(timelineOf(job, Date.parse(at(10))))[1], [
    ['queued', 40, 10],
    ['work', 50, 30],
    ['stalled', 80, 20],
  ]);
});

test('a job that waits has a lane with its wait alone', () => {
  const job = jobOf({ created_at: at(0), state: 'QUEUED', worker: null, state_history: TWO.slice(0, 2) });
  assert.deepEqual(kinds(timelineOf(job, Date.parse(at(10)))), [[['queued', 0, 100]]]);
});

test('the end of a failed job is named by its error', () => {
  const job = jobOf({
    created_at: at(0),
    state: 'FAILED',
    verdict: null,
    state_history: [...TWO.slice(0, 3), entry('FAILED', 4, 'not_audio: the recording is a text file')],
  });
  assert.equal(timelineOf(job, 0).lanes[0]!.parts.at(-1)!.label, 'not audio');
});

test('a clock of the viewer behind the monitor makes no negative width', () => {
  const job = jobOf({ created_at: at(0), worker: worker(5), state_history: TWO });
  for (const { parts } of timelineOf(job, Date.parse(at(0)) - 60_000).lanes)
    for (const { width } of parts) assert.ok(width >= 0);
});
