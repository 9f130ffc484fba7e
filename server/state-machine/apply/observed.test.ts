/** What a sighting changes in the record of its job, and in the workers that it names. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NOTHING_KNOWN, type Sighting } from '../../../protocol/sighting.ts';
import { HOUR_MS, parseTime, SECOND_MS } from '../../../protocol/time.ts';
import type { JournalEvent } from '../events.ts';
import { Monitor, observation } from '../testing.ts';
import { applyEvents, beginSegment } from './apply.ts';

const NOW_MS = parseTime('2025-07-07T19:30:00Z');
const SOURCE = 'log:/var/log/worker.log';
const at = (seconds: number) => NOW_MS + seconds * SECOND_MS;

/** A sighting `told_s` seconds from now. */
const sighted = (told_s: number, more: Partial<Sighting> = {}): Sighting => ({
  job_id: 'job-1',
  state: 'PROCESSING',
  told_ms: at(told_s),
  ...NOTHING_KNOWN,
  ...more,
});
const START = sighted(-60, { worker_id: 'worker-1', started_ms: at(-60) });

function observe(monitor: Monitor, ...sightings: Sighting[]): Monitor {
  for (const sighting of sightings) {
    monitor.run(observation(SOURCE, [sighting]));
  }
  return monitor;
}

/** As a journal may hold it, whether or not this version would decide it. */
function applyObserved(monitor: Monitor, { job_id, ...sighting }: Sighting, worker_check_ms: number | null): void {
  beginSegment(monitor.state, monitor.state.seq + 1, monitor.at_ms);
  const data = { source: SOURCE, sighting, worker_check_ms };
  applyEvents(monitor.state, [
    { id: '~old//0', at: '', actor: '', type: 'JobObserved', entity: job_id, data } as JournalEvent,
  ]);
}

describe('progress', () => {
  test('a stage without a percentage keeps the percentage', () => {
    const monitor = observe(new Monitor(), START, sighted(-50, { stage: 'DOWNLOADING' }));
    assert.deepEqual([monitor.job().progress?.percentage, monitor.job().progress?.stage], [0, 'DOWNLOADING']);
    observe(monitor, sighted(-40, { percentage: 45 }), sighted(-30, { stage: 'ALIGNING' }));
    const { percentage, stage, at_ms, marks } = monitor.job().progress!;
    assert.deepEqual([percentage, stage, at_ms], [45, 'ALIGNING', at(-30)]);
    assert.deepEqual(marks, [at(-50), 0, at(-40), 45], 'only a changed percentage counts for the rate');
  });

  test('a percentage without a stage keeps the stage and the other fields', () => {
    const chunks = { current_chunk: 2, total_chunks: 9 };
    const monitor = observe(
      new Monitor(),
      START,
      sighted(-50, { percentage: 20, stage: 'TRANSCRIBING', eta_seconds: 70, ...chunks }),
      sighted(-40, { percentage: 30 }),
    );
    const { percentage, stage, current_chunk, total_chunks, eta_seconds } = monitor.job().progress!;
    assert.deepEqual([percentage, stage, current_chunk, total_chunks], [30, 'TRANSCRIBING', 2, 9]);
    assert.equal(eta_seconds, null, 'an estimate is of its own moment');
  });

  test('a job with only a start has none', () => {
    const { percentage, stage, at_ms, marks } = observe(new Monitor(), START).job().progress!;
    assert.deepEqual([percentage, stage, at_ms, marks], [0, null, 0, []]);
  });

  test('a percentage of 0 is progress', () => {
    assert.equal(observe(new Monitor(), sighted(-50, { percentage: 0 })).job().progress?.percentage, 0);
  });

  test('the rate is taken from the last four changes', () => {
    const monitor = new Monitor();
    for (let n = 1; n <= 6; n += 1) observe(monitor, sighted(n - 60, { percentage: n }));
    assert.deepEqual(monitor.job().progress?.marks, [at(-57), 3, at(-56), 4, at(-55), 5, at(-54), 6]);
  });

  test('a new attempt starts without the progress of the previous one', () => {
    const monitor = observe(new Monitor(), START, sighted(-50, { percentage: 45, stage: 'ALIGNING' }));
    observe(monitor, sighted(-30, { state: 'FAILED' }));
    observe(monitor, sighted(-10, { worker_id: 'worker-1', started_ms: at(-10), percentage: 5 }));
    assert.deepEqual([monitor.job().progress?.percentage, monitor.job().progress?.stage], [5, null]);
  });
});

describe('an end', () => {
  test('a failure without a message says that the worker gave no reason', () => {
    const monitor = observe(new Monitor(), START, sighted(-10, { state: 'FAILED' }));
    const message = 'The worker gave no reason';
    assert.deepEqual(monitor.job().last_error, { code: 'worker_error', message, retryable: false });
    assert.equal(monitor.job().history.at(-1)?.details, `Failed on worker-1, as told by ${SOURCE}`);
    assert.deepEqual([monitor.worker().jobs_completed, monitor.worker().jobs_failed], [0, 1]);
  });

  test('a failure has its code and message', () => {
    const monitor = observe(new Monitor(), START, sighted(-10, { state: 'FAILED', error: 'full', error_code: 'gpu' }));
    assert.deepEqual(monitor.job().last_error, { code: 'gpu', message: 'full', retryable: false });
    assert.equal(monitor.job().history.at(-1)?.details, `full, as told by ${SOURCE}`);
  });

  test('a completion has its output, with the confidence score of the engine', () => {
    const output = { s3_path: 's3://t/1.json', segments: 7 };
    const monitor = observe(new Monitor(), sighted(-10, { state: 'COMPLETED', confidence_score: 0.93, ...output }));
    assert.deepEqual(monitor.job().output, { s3_path: 's3://t/1.json', segments_count: 7, confidence_score: 0.93 });
  });

  test('a completion without other fields has an output without a path', () => {
    const monitor = observe(new Monitor(), sighted(-10, { state: 'COMPLETED' }));
    assert.deepEqual(monitor.job().output, { s3_path: '', segments_count: 0, confidence_score: null });
  });

  test('a completion after a failed attempt has no error', () => {
    const monitor = observe(new Monitor(), START, sighted(-30, { state: 'FAILED' }));
    observe(monitor, sighted(-20, { worker_id: 'worker-1', started_ms: at(-20) }));
    assert.equal(monitor.job().last_error?.code, 'worker_error', 'kept while the next attempt runs');
    observe(monitor, sighted(-10, { state: 'COMPLETED' }));
    assert.equal(monitor.job().last_error, null);
    assert.equal(monitor.job().instance_ms, 40 * SECOND_MS, 'the time of both attempts');
  });

  test('a start reported after the end moves the start in the history', () => {
    const monitor = observe(new Monitor(), sighted(-10, { state: 'COMPLETED', worker_id: 'worker-1' }), START);
    assert.deepEqual(
      monitor.job().history.map(({ state, at_ms }) => [state, at_ms]),
      [
        ['PROCESSING', at(-60)],
        ['COMPLETED', at(-10)],
      ],
    );
    assert.equal(monitor.job().instance_ms, 50 * SECOND_MS);
  });

  test('is at the time in the sighting, not at the time of the sighting', () => {
    const end = sighted(-10, { state: 'COMPLETED', worker_id: 'worker-1', ended_ms: at(-20), duration: 15 });
    const { completed_ms, run, instance_ms } = observe(new Monitor(), end).job();
    assert.deepEqual([run?.assigned_ms, run?.ended_ms, completed_ms], [at(-35), at(-20), at(-20)]);
    assert.equal(instance_ms, 15 * SECOND_MS);
  });

  test('without a time, as in old journals, is at the time of the sighting; without a duration it took none', () => {
    const monitor = new Monitor();
    applyObserved(monitor, sighted(-10, { state: 'COMPLETED' }), null);
    const { completed_ms, instance_ms } = monitor.job();
    assert.deepEqual([completed_ms, instance_ms], [at(-10), 0]);
    applyObserved(monitor, sighted(-10, { state: 'COMPLETED', started_ms: at(-5), ended_ms: at(-10) }), null);
    assert.equal(monitor.job().instance_ms, 0, 'never negative');
  });

  test('an unnamed worker is not in the history', () => {
    const monitor = observe(new Monitor(), sighted(-10, { percentage: 5 }));
    assert.equal(monitor.job().run?.worker_id, 'unknown');
    assert.ok(!('worker_id' in monitor.job().history[0]!));
    observe(monitor, START);
    assert.equal(monitor.job().run?.worker_id, 'worker-1');
    assert.equal(monitor.job().attempt, 1, 'a name that becomes known is not another attempt');
  });
});

describe('a job', () => {
  test('was created at its earliest sighting, in any order of sightings', () => {
    const monitor = observe(new Monitor(), sighted(-10, { state: 'QUEUED' }), sighted(-5, { started_ms: at(-30) }));
    assert.equal(monitor.job().created_ms, at(-30));
    assert.equal(monitor.job().queue_ms, 0, 'never negative');
    const waited = observe(new Monitor(), sighted(-40, { state: 'QUEUED' }), sighted(-5, { started_ms: at(-30) }));
    assert.equal(waited.job().queue_ms, 10 * SECOND_MS);
  });

  test('that waits again leaves its worker, with one history entry', () => {
    const monitor = observe(new Monitor(), START, sighted(-20, { state: 'QUEUED' }));
    assert.deepEqual([monitor.job().state, monitor.job().run, monitor.worker().holds], ['QUEUED', null, []]);
    observe(monitor, sighted(-15, { state: 'QUEUED', audio_duration: 60 }));
    assert.deepEqual(
      monitor.job().history.map(({ state }) => state),
      ['PROCESSING', 'QUEUED'],
    );
  });

  test('that another worker starts is its second attempt, and leaves the first worker', () => {
    const monitor = observe(new Monitor(), START, sighted(-20, { worker_id: 'worker-2', started_ms: at(-20) }));
    assert.equal(monitor.job().attempt, 2);
    assert.deepEqual(monitor.worker('worker-1').holds, []);
    assert.deepEqual(
      monitor.worker('worker-2').holds.map(({ job_id }) => job_id),
      ['job-1'],
    );
    assert.equal(monitor.worker('worker-1').runtime_ms, 0, 'when it stopped is unknown');
  });

  test('has its source in one tag, cut to the maximum length of a tag', () => {
    const monitor = new Monitor();
    const source = `log:/${'x'.repeat(300)}`;
    for (const sighting of [START, sighted(-50, { percentage: 5 })]) {
      monitor.run(observation(source, [sighting]));
    }
    assert.deepEqual(monitor.job().tags, [`source:${source}`.slice(0, 128)]);
  });

  test('keeps the recording that a sighting names', () => {
    const monitor = observe(new Monitor(), { ...START, audio_url: 's3://audio/1.mp3', audio_duration: 600 });
    observe(monitor, sighted(-50, { percentage: 5 }));
    assert.deepEqual([monitor.job().audio_url, monitor.job().duration_seconds], ['s3://audio/1.mp3', 600]);
  });
});

describe('a worker that a sighting names', () => {
  test('is unchanged if it sends heartbeats itself', () => {
    const monitor = new Monitor();
    monitor.register('worker-1');
    const before = monitor.worker();
    applyObserved(monitor, sighted(0, { worker_id: 'worker-1', state: 'COMPLETED', ended_ms: at(0) }), at(60));
    const { check_ms, reported, heartbeat_ms } = monitor.worker();
    assert.deepEqual([check_ms, reported, heartbeat_ms], [before.check_ms, undefined, before.heartbeat_ms]);
  });

  test('has its last heartbeat at its newest sighting, never later than log time', () => {
    const monitor = observe(new Monitor(), sighted(-10, { worker_id: 'worker-1', percentage: 5 }));
    observe(monitor, sighted(-40, { job_id: 'job-2', worker_id: 'worker-1' }));
    assert.equal(monitor.worker().heartbeat_ms, at(-10));
    observe(monitor, sighted(3_600, { job_id: 'job-3', worker_id: 'worker-1' }));
    assert.equal(monitor.worker().heartbeat_ms, monitor.at_ms);
  });

  test('that returns after its end starts anew', () => {
    const monitor = observe(new Monitor(), sighted(0, { worker_id: 'worker-1', percentage: 5 }));
    const { ordinal } = monitor.worker();
    monitor.run({ type: 'terminate_worker', worker_id: 'worker-1', reason: 'asked for' });
    monitor.later(HOUR_MS);
    observe(monitor, sighted(3_590, { job_id: 'job-2', worker_id: 'worker-1', percentage: 5 }));
    const { state, created_ms, terminated_ms, heartbeat_ms } = monitor.worker();
    assert.deepEqual([state, created_ms, terminated_ms, heartbeat_ms], ['ACTIVE', at(3_590), null, at(3_590)]);
    assert.equal(monitor.worker().ordinal, ordinal);
  });

  test('holds a job once, and is idle when it holds none', () => {
    const monitor = observe(new Monitor(), START, sighted(-50, { percentage: 5 }), sighted(-40, { percentage: 9 }));
    assert.equal(monitor.worker().holds.length, 1);
    observe(monitor, sighted(-30, { job_id: 'job-2', worker_id: 'worker-1', started_ms: at(-30) }));
    assert.deepEqual([monitor.worker().holds.length, monitor.worker().state], [2, 'ACTIVE']);
    observe(monitor, sighted(-20, { state: 'COMPLETED' }));
    assert.deepEqual([monitor.worker().holds.length, monitor.worker().state], [1, 'ACTIVE']);
    observe(monitor, sighted(-10, { job_id: 'job-2', state: 'FAILED' }));
    assert.deepEqual([monitor.worker().holds.length, monitor.worker().state], [0, 'IDLE']);
  });
});
