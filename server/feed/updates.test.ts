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

test('a decision of a policy is on the feed of the job or worker that it is about', () => {
  const monitor = new Monitor();
  monitor.submit('job-1');
  monitor.later(60_000).run({ type: 'tick', ids: [], expire: true });
  monitor.later(60_000);
  const registration = { instance_id: 'i-1', capabilities: {} };
  monitor.run({ type: 'register_worker', worker_id: 'worker-1', registration });
  const orphan = { worker_id: 'worker-1', instance_id: 'i-1', since_ms: monitor.at_ms, reason: 'it is gone', by: 'x' };
  const ended = monitor.run({ type: 'judge_orphaned', ...orphan }).events;
  monitor.later(60_000).run({ type: 'tick', ids: [], expire: true });
  monitor.later(60_000);
  const { events } = monitor.run({ type: 'tick', ids: [], expire: true, acting: { by: 'x' } });
  const at = formatTime(monitor.at_ms);
  const messages = [...ended, ...events].flatMap((event, index) => {
    const update = updateOf({ ...event, id: `c/f/${index}`, at, actor: 'monitor' }, { seq: 1, index });
    const message = update && JSON.parse(update.text);
    return message?.action || message?.verdict ? [{ kind: update!.kind, id: update!.id, ...message }] : [];
  });
  assert.deepEqual(
    messages.map(({ kind, id, event, state, action, verdict }) => [
      [kind, id, event, state],
      action && [action.policy, action.verdict, action.action, action.outcome],
      verdict?.status,
    ]),
    [
      [['worker', 'worker-1', 'WorkerJudged', undefined], undefined, 'orphaned'],
      [
        ['worker', 'worker-1', 'ActionDecided', undefined],
        ['orphaned_worker', 'orphaned', 'end_worker', 'acted'],
        undefined,
      ],
      [['job', 'job-1', 'ActionDecided', 'QUEUED'], ['blocked_job', 'blocked', 'launch_worker', 'refused'], undefined],
    ],
  );
});
