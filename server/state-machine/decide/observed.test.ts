import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Sighting } from '../../../protocol/sighting.ts';
import { HOUR_MS, MINUTE_MS, parseTime, SECOND_MS } from '../../../protocol/time.ts';
import { jobDocument } from '../../documents/job.ts';
import { mainQueueDocument } from '../../documents/queues.ts';
import { healthDocument, periodDocument } from '../../documents/system.ts';
import type { Event } from '../events.ts';
import { restore, snapshotRows } from '../state/snapshot.ts';
import { Monitor, type Told, typesOf } from '../testing.ts';
import { weigh } from './observed.ts';

const NOW_MS = parseTime('2025-07-07T19:30:00Z');
const SOURCE = 'log:/var/log/worker.log';
const NOTHING: Sighting = {
  job_id: 'job-1',
  state: 'PROCESSING',
  told_ms: NOW_MS,
  worker_id: null,
  started_ms: null,
  ended_ms: null,
  percentage: null,
  stage: null,
  audio_duration: null,
  duration: null,
  segments: null,
  s3_path: null,
  error: null,
};

/** Told at `told_s` seconds from now. */
const told = (told_s: number, more: Partial<Sighting> = {}): Sighting => ({
  ...NOTHING,
  told_ms: NOW_MS + told_s * SECOND_MS,
  ...more,
});
const at = (seconds: number) => NOW_MS + seconds * SECOND_MS;
const START = told(-60, { worker_id: 'worker-1', started_ms: at(-60), audio_duration: 600 });
const PROGRESS = told(-30, { worker_id: 'worker-1', percentage: 45, stage: 'TRANSCRIBING' });
const COMPLETE = told(-10, { state: 'COMPLETED', ended_ms: at(-10), segments: 150, duration: 50 });
const FAILED = told(-10, { state: 'FAILED', ended_ms: at(-10), error: 'GPU out of memory' });
const LIFE = [START, PROGRESS, COMPLETE];

function observe(monitor: Monitor, sightings: Sighting[], source = SOURCE): Told {
  const absent = sightings.map(({ job_id }) => job_id);
  return monitor.tell({ type: 'observe_jobs', source, sightings, absent });
}

const rows = (monitor: Monitor) => [...snapshotRows(monitor.state)].filter((row) => row.startsWith('["job"'));

describe('a job that a source tells of', () => {
  test('has the times of the source, not the time at which it was heard', () => {
    const monitor = new Monitor();
    for (const sighting of LIFE) observe(monitor, [sighting]);
    const job = jobDocument(monitor.job());
    assert.equal(job.state, 'COMPLETED');
    assert.deepEqual(
      [job.created_at, job.started_at, job.completed_at],
      ['2025-07-07T19:29:00Z', '2025-07-07T19:29:00Z', '2025-07-07T19:29:50Z'],
    );
    assert.deepEqual(job.state_history, [
      { state: 'PROCESSING', timestamp: '2025-07-07T19:29:00Z', details: `Started by worker-1, as told by ${SOURCE}` },
      {
        state: 'COMPLETED',
        timestamp: '2025-07-07T19:29:50Z',
        details: `Transcribed by worker-1, as told by ${SOURCE}`,
      },
    ]);
    assert.equal(job.performance.processing_time_seconds, 50);
    assert.equal(job.performance.throughput_factor, 12);
    assert.deepEqual([job.progress.percentage, job.progress.stage], [100, 'TRANSCRIBING']);
    assert.deepEqual([job.tags, job.metadata], [[`source:${SOURCE}`], { source: SOURCE }]);
  });

  test('the same said again makes no event, in whatever portions', () => {
    const monitor = new Monitor();
    for (const sighting of LIFE) observe(monitor, [sighting]);
    const { state } = monitor;
    for (const again of [...LIFE, ...LIFE]) assert.deepEqual(typesOf(observe(monitor.later(1_000), [again])), []);
    assert.deepEqual(typesOf(observe(monitor, LIFE)), []);
    assert.equal(monitor.state, state);
  });

  test('in any order comes to the same end', () => {
    const orders = [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
      [2, 0, 1],
    ];
    for (const order of orders) {
      const monitor = new Monitor();
      for (const index of order) observe(monitor, [LIFE[index]!]);
      const { state, completed_ms, run, duration_seconds } = monitor.job();
      assert.deepEqual(
        [state, completed_ms, run?.worker_id, run?.assigned_ms, duration_seconds],
        ['COMPLETED', at(-10), 'worker-1', at(-60), 600],
      );
      assert.equal(monitor.state.tables.jobs.size, 1);
    }
  });

  test('fails with its words, and is no dead letter: nobody could redrive it', () => {
    const monitor = new Monitor();
    observe(monitor, [START, FAILED]);
    const { state, last_error, dead } = monitor.job();
    assert.deepEqual([state, last_error?.message, dead], ['FAILED', 'GPU out of memory', null]);
    assert.equal(monitor.tell({ type: 'retry_job', job_id: 'job-1' }).refusal?.code, 'runs_elsewhere');
    assert.deepEqual(typesOf(monitor.tell({ type: 'redrive', filter: {} })), []);
  });

  test('started again after its end is a second attempt', () => {
    const monitor = new Monitor();
    observe(monitor, [START]);
    observe(monitor, [FAILED]);
    observe(monitor, [told(-5, { worker_id: 'worker-2', started_ms: at(-5) })]);
    const { state, attempt, run, completed_ms, history } = monitor.job();
    assert.deepEqual([state, attempt, run?.worker_id, completed_ms], ['PROCESSING', 2, 'worker-2', null]);
    assert.deepEqual(
      history.map((entry) => entry.state),
      ['PROCESSING', 'FAILED', 'PROCESSING'],
    );
    assert.equal(monitor.job().instance_ms, 50 * SECOND_MS, 'of the attempt that has ended');
  });

  test('that ends before its start, by another machine’s clock, ends at its start, and says nothing new when told again', () => {
    for (const crossed of [
      told(-10, { state: 'COMPLETED', worker_id: 'worker-1', started_ms: at(-5), ended_ms: at(-10) }),
      told(-10, { state: 'FAILED', worker_id: 'worker-1', started_ms: at(-5) }),
    ]) {
      const monitor = new Monitor();
      observe(monitor, [crossed]);
      const { run, completed_ms } = monitor.job();
      assert.deepEqual([run?.assigned_ms, run?.ended_ms, completed_ms], [at(-5), at(-5), at(-5)]);
      assert.equal(jobDocument(monitor.job()).performance.processing_time_seconds, 0);
      assert.deepEqual(typesOf(observe(monitor, [crossed])), []);
    }
  });

  test('waiting in a queue elsewhere is not handed out here, nor counted in the queue here', () => {
    const monitor = new Monitor();
    monitor.register('worker-1');
    observe(monitor, [told(-5, { state: 'QUEUED' })]);
    assert.equal(monitor.job().state, 'QUEUED');
    assert.deepEqual(monitor.claim('worker-1'), []);
    const { messages_visible, messages_delayed } = mainQueueDocument(monitor.state);
    assert.deepEqual([messages_visible, messages_delayed], [0, 0]);
    assert.deepEqual(typesOf(monitor.tell({ type: 'purge_queue', queue: 'main', filter: {} })), []);
  });

  test('told of by two sources that say different things of one moment does not go to and fro', () => {
    const monitor = new Monitor();
    const a = told(0, { worker_id: 'worker-1', percentage: 45 });
    const b = told(0, { worker_id: 'worker-1', percentage: 44 });
    observe(monitor, [a], 'log:/a');
    for (const [sighting, source] of [
      [b, 'dir:/b'],
      [a, 'log:/a'],
      [b, 'dir:/b'],
    ] as const) {
      assert.deepEqual(typesOf(observe(monitor, [sighting], source)), []);
    }
  });

  test('is in the snapshot as it is', () => {
    const monitor = new Monitor();
    observe(monitor, [START, told(0, { job_id: 'job-2', state: 'QUEUED' })]);
    assert.deepEqual([...snapshotRows(restore(snapshotRows(monitor.state)))], [...snapshotRows(monitor.state)]);
    assert.equal(rows(monitor).length, 2);
  });

  test('cancelled here stays so until its source tells of a later start', () => {
    const monitor = new Monitor();
    observe(monitor, [START]);
    monitor.tell({ type: 'cancel_job', job_id: 'job-1' });
    assert.deepEqual(typesOf(observe(monitor, [told(0, { percentage: 60 })])), []);
    monitor.later(2 * MINUTE_MS).tick();
    assert.equal(monitor.job().state, 'CANCELLED');
    assert.deepEqual(typesOf(observe(monitor, [START, COMPLETE])), []);
    observe(monitor, [told(180, { worker_id: 'worker-1', started_ms: at(180) })]);
    assert.equal(monitor.job().state, 'PROCESSING');
  });
});

test('what was known of a job that was cancelled here is kept when its end is told of', () => {
  const monitor = new Monitor();
  observe(monitor, [START, PROGRESS]);
  monitor.tell({ type: 'cancel_job', job_id: 'job-1' });
  assert.equal(monitor.job().observed?.overruled, true);
  const [event] = observe(monitor, [told(-5, { state: 'FAILED' })]).events;
  assert.equal(event?.type, 'JobObserved');
  const { sighting } = (event as Event & { type: 'JobObserved' }).data;
  const { worker_id, started_ms, percentage, stage, audio_duration } = sighting;
  assert.deepEqual(
    [worker_id, started_ms, percentage, stage, audio_duration],
    ['worker-1', at(-60), 45, 'TRANSCRIBING', 600],
  );
});

describe('a job of this queue', () => {
  test('is never changed by a sighting, whether it waits, runs or has ended', () => {
    const monitor = new Monitor();
    monitor.submit('job-2');
    const lease = monitor.claimed('job-3');
    const late = monitor.claimed('job-4', {}, 'worker-2');
    monitor.complete(lease);
    for (const job_id of ['job-2', 'job-3', late.job_id]) {
      const { state } = monitor;
      assert.deepEqual(typesOf(observe(monitor, [{ ...START, job_id }])), []);
      assert.equal(monitor.state, state);
      assert.equal(weigh(state.job(job_id), START).refusal?.code, 'job_of_this_queue');
    }
  });

  test('does not keep the others of a batch from being taken', () => {
    const monitor = new Monitor();
    monitor.submit('job-2');
    assert.deepEqual(
      observe(monitor, [{ ...START, job_id: 'job-2' }, START]).events.map(({ entity }) => entity),
      ['job-1'],
    );
  });
});

test('a job that has just left memory is not made anew: only what the archive does not have is absent', () => {
  const monitor = new Monitor();
  const said = monitor.tell({ type: 'observe_jobs', source: SOURCE, sightings: [START], absent: [] });
  assert.deepEqual(typesOf(said), []);
});

describe('workers that sightings name', () => {
  test('are known while they work, and idle afterwards', () => {
    const monitor = new Monitor();
    observe(monitor, [START]);
    const { state, holds, heartbeat_ms, reported } = monitor.worker();
    assert.deepEqual([state, holds.length, heartbeat_ms, reported], ['ACTIVE', 1, at(-60), true]);
    observe(monitor, [COMPLETE]);
    assert.deepEqual([monitor.worker().state, monitor.worker().jobs_completed], ['IDLE', 1]);
  });

  test('a job that is known only from its end counts for its worker', () => {
    const monitor = new Monitor();
    observe(monitor, [{ ...COMPLETE, worker_id: 'worker-1' }]);
    assert.deepEqual([monitor.worker().jobs_completed, monitor.worker().holds], [1, []]);
  });

  test('of long ago do not come to the fleet, and raise no alert', () => {
    const monitor = new Monitor();
    const year_ms = 365 * 24 * HOUR_MS;
    observe(monitor, [
      { ...START, told_ms: START.told_ms - year_ms, started_ms: START.started_ms! - year_ms },
      { ...FAILED, job_id: 'job-2', told_ms: FAILED.told_ms - year_ms, ended_ms: FAILED.ended_ms! - year_ms },
    ]);
    assert.equal(monitor.state.tables.workers.size, 0);
    assert.deepEqual(typesOf(monitor.later(10 * MINUTE_MS).tick()), []);
  });

  test('one that hangs with a job is UNHEALTHY after half an hour, and its job is nobody’s to hand out', () => {
    const monitor = new Monitor();
    observe(monitor, [START]);
    monitor.later(28 * MINUTE_MS).tick();
    assert.equal(monitor.worker().status, 'HEALTHY');
    assert.ok(typesOf(monitor.later(2 * MINUTE_MS).tick()).includes('WorkerStatusChanged'));
    assert.equal(monitor.worker().status, 'UNHEALTHY');
    assert.deepEqual(typesOf(monitor.tick()), ['AlertRaised']);
    monitor.later(HOUR_MS).tick();
    assert.deepEqual(
      [monitor.worker().state, monitor.worker().holds, monitor.job().state],
      ['TERMINATED', [], 'PROCESSING'],
    );
    observe(monitor.later(MINUTE_MS), [told(5_430, { worker_id: 'worker-1', percentage: 80 })]);
    assert.deepEqual([monitor.worker().state, monitor.worker().status], ['ACTIVE', 'HEALTHY']);
  });

  test('one that is idle leaves without an alarm', () => {
    const monitor = new Monitor();
    observe(monitor, [START]);
    observe(monitor, [COMPLETE]);
    for (let minutes = 0; minutes < 59; minutes += 1) {
      assert.ok(!typesOf(monitor.later(MINUTE_MS).tick()).includes('AlertRaised'));
      assert.equal(monitor.worker().status, 'HEALTHY');
    }
    monitor.later(2 * MINUTE_MS).tick();
    assert.equal(monitor.worker().state, 'TERMINATED');
  });

  test('claim nothing and beat for nothing before they have registered', () => {
    const monitor = new Monitor();
    observe(monitor, [START]);
    monitor.submit('job-2');
    const body = { type: 'claim_jobs', worker_id: 'worker-1', max_jobs: 1, secret: 's' } as const;
    assert.equal(monitor.tell(body).refusal?.code, 'worker_not_found');
    assert.equal(monitor.beat('worker-1').refusal?.code, 'worker_not_found');
    assert.equal(healthDocument(monitor.state).components.queue.status, 'UNHEALTHY', 'jobs wait, and nobody claims');
    monitor.register('worker-1');
    assert.equal(monitor.worker().reported, undefined);
    assert.equal(monitor.claim('worker-1').length, 1);
  });

  test('a worker of this monitor that is lost takes no job along that runs elsewhere', () => {
    const monitor = new Monitor();
    monitor.register('worker-1');
    observe(monitor, [START]);
    assert.equal(monitor.worker().holds.length, 1);
    monitor.tell({ type: 'terminate_worker', worker_id: 'worker-1', reason: 'asked for' });
    assert.deepEqual([monitor.job().state, monitor.worker().holds], ['PROCESSING', []]);
  });
});

describe('figures', () => {
  const hour = (monitor: Monitor) =>
    periodDocument(monitor.state.tables.hours, Math.floor(monitor.at_ms / HOUR_MS), HOUR_MS);

  test('count a job once, in the hour of its end, while that is open', () => {
    const monitor = new Monitor();
    for (const sighting of [...LIFE, ...LIFE]) observe(monitor, [sighting]);
    const { jobs_submitted, jobs_completed, average_processing_time, audio_seconds } = hour(monitor);
    assert.deepEqual([jobs_submitted, jobs_completed, average_processing_time, audio_seconds], [1, 1, 50, 600]);
  });

  test('leave out what ended in an hour that is over', () => {
    const monitor = new Monitor();
    monitor.later(HOUR_MS);
    observe(monitor, LIFE);
    assert.deepEqual([hour(monitor).jobs_completed, monitor.state.tables.hours.size], [0, 0]);
    assert.equal(monitor.job().state, 'COMPLETED');
  });
});
