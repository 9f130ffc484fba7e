import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTime } from '../../protocol/time.ts';
import { Monitor, observation } from '../state-machine/testing.ts';
import { updateOf } from './updates.ts';

const NOTHING = { percentage: null, stage: null, audio_duration: null, duration: null, segments: null, s3_path: null };

test('the update of a sighting has the state of its job then, and the data of its source', () => {
  const monitor = new Monitor();
  const told_ms = monitor.at_ms - 1000;
  const common = { ...NOTHING, told_ms, worker_id: 'worker-1', started_ms: told_ms, ended_ms: null, error: null };
  const { events } = monitor.run(
    observation('log:/var/log/worker.log', [
      { ...common, job_id: 'job-1', state: 'PROCESSING', percentage: 45, stage: 'TRANSCRIBING' },
      { ...common, job_id: 'job-2', state: 'COMPLETED', segments: 3, s3_path: 's3://transcripts/2.json' },
      { ...common, job_id: 'job-3', state: 'FAILED', error: 'noise' },
    ]),
  );
  const at = formatTime(monitor.at_ms);
  const updates = events.map((event, index) => {
    const update = updateOf({ ...event, id: `c/f/${index}`, at, actor: 'api' }, { seq: 1, index });
    assert.ok(update);
    const { type, resource, event: name, details, ...rest } = JSON.parse(update.text);
    assert.deepEqual([type, resource, name, update.soft], ['update', 'job', 'JobObserved', false]);
    assert.equal(details, 'Reported by log:/var/log/worker.log');
    return rest;
  });
  const same = { at, seq: 1, worker_id: 'worker-1' };
  assert.deepEqual(updates, [
    { ...same, index: 0, job_id: 'job-1', state: 'PROCESSING', percentage: 45, stage: 'TRANSCRIBING' },
    {
      ...same,
      index: 1,
      job_id: 'job-2',
      state: 'COMPLETED',
      percentage: 100,
      stage: null,
      output: {
        s3_path: 's3://transcripts/2.json',
        segments_count: 3,
        confidence_score: null,
        warnings: [],
        suspect: false,
      },
    },
    {
      ...same,
      index: 2,
      job_id: 'job-3',
      state: 'FAILED',
      percentage: null,
      stage: null,
      error: { code: 'worker_error', message: 'noise', retryable: false, fault: null },
    },
  ]);
});
