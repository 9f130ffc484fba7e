import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NOTHING_KNOWN, type Sighting } from '../../../protocol/sighting.ts';
import { HOUR_MS, MINUTE_MS, parseTime, SECOND_MS } from '../../../protocol/time.ts';
import { jobDocument } from '../../documents/job.ts';
import { mainQueueDocument } from '../../documents/queues.ts';
import { healthDocument, periodDocument } from '../../documents/system.ts';
import type { Event } from '../events.ts';
import { restore, snapshotRows } from '../state/snapshot.ts';
import { forgetJobs, Monitor, observation, type Result, typesOf } from '../testing.ts';
import { judge } from './observed.ts';

const NOW_MS = parseTime('2025-07-07T19:30:00Z');
const SOURCE = 'log:/var/log/worker.log';
const NOTHING: Sighting = {
  job_id: 'job-1',
  state: 'PROCESSING',
  told_ms: NOW_MS,
  ...NOTHING_KNOWN,
};

/** A sighting `told_s` seconds from now. */
const sighted = (told_s: number, more: Partial<Sighting> = {}): Sighting => ({
  ...NOTHING,
  told_ms: NOW_MS + told_s * SECOND_MS,
  ...more,
});
const at = (seconds: number) => NOW_MS + seconds * SECOND_MS;
const START = sighted(-60, { worker_id: 'worker-1', started_ms: at(-60), audio_duration: 600 });
const PROGRESS = sighted(-30, { worker_id: 'worker-1', percentage: 45, stage: 'TRANSCRIBING' });
const COMPLETE = sighted(-10, { state: 'COMPLETED', ended_ms: at(-10), segments: 150, duration: 50 });
const FAILED = sighted(-10, { state: 'FAILED', ended_ms: at(-10), error: 'GPU out of memory' });
const LIFE = [START, PROGRESS, COMPLETE];

function observe(monitor: Monitor, sightings: Sighting[], source = SOURCE): Result {
  return monitor.run(observation(source, sightings));
}

const rows = (monitor: Monitor) => [...snapshotRows(monitor.state)].filter((row) => row.startsWith('["job"'));

describe('a job whose name is not an id', () => {
  const reported_id = 'meeting.mp3';

  test('shows its name, whichever report has it, and keeps it across attempts and a cancellation', () => {
    const monitor = new Monitor();
    observe(monitor, [START]);
    assert.equal(jobDocument(monitor.job()).metadata.reported_id, undefined);
    observe(monitor, [{ ...PROGRESS, reported_id }]);
    const named = () => jobDocument(monitor.job()).metadata;
    assert.deepEqual(named(), { source: SOURCE, reported_id });
    assert.deepEqual(typesOf(observe(monitor, [{ ...PROGRESS, reported_id }])), []);
    observe(monitor, [FAILED]);
    assert.equal(named().reported_id, reported_id);
    observe(monitor, [sighted(10, { started_ms: at(10), worker_id: 'worker-2' })]);
    assert.deepEqual([monitor.job().attempt, named().reported_id], [2, reported_id]);
    monitor.run({ type: 'cancel_job', job_id: 'job-1' });
    observe(monitor, [sighted(20, { started_ms: at(20), worker_id: 'worker-2' }), sighted(30, { state: 'FAILED' })]);
    assert.equal(named().reported_id, reported_id);
  });

  test('is the same after a snapshot', () => {
    const monitor = new Monitor();
    observe(monitor, [{ ...START, reported_id }]);
    const again = restore([...snapshotRows(monitor.state)]);
    assert.deepEqual(again.job('job-1'), monitor.job());
  });
});

describe('a job that a source reports', () => {
  test('has the times of the source, not the time of the sighting', () => {
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
    assert.deepEqual([job.progress.percentage, job.progress.stage], [100, null]);
    assert.deepEqual([job.tags, job.metadata], [[`source:${SOURCE}`], { source: SOURCE }]);
  });

  test('repeated sightings make no event, in any portions', () => {
    const monitor = new Monitor();
    for (const sighting of LIFE) observe(monitor, [sighting]);
    const { state } = monitor;
    for (const again of [...LIFE, ...LIFE]) assert.deepEqual(typesOf(observe(monitor.later(1_000), [again])), []);
    assert.deepEqual(typesOf(observe(monitor, LIFE)), []);
    assert.equal(monitor.state, state);
  });

  test('ends in the same state after sightings in any order', () => {
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

  test('fails with its own error, and is not a dead letter, since it cannot be redriven', () => {
    const monitor = new Monitor();
    observe(monitor, [START, FAILED]);
    const { state, last_error, dead } = monitor.job();
    assert.deepEqual([state, last_error?.message, dead], ['FAILED', 'GPU out of memory', null]);
    assert.equal(monitor.run({ type: 'retry_job', job_id: 'job-1' }).refusal?.code, 'runs_elsewhere');
    assert.deepEqual(typesOf(monitor.run({ type: 'redrive', filter: {} })), []);
  });

  test('started again after its end is a second attempt', () => {
    const monitor = new Monitor();
    observe(monitor, [START]);
    observe(monitor, [FAILED]);
    observe(monitor, [sighted(-5, { worker_id: 'worker-2', started_ms: at(-5) })]);
    const { state, attempt, run, completed_ms, history } = monitor.job();
    assert.deepEqual([state, attempt, run?.worker_id, completed_ms], ['PROCESSING', 2, 'worker-2', null]);
    assert.deepEqual(
      history.map((entry) => entry.state),
      ['PROCESSING', 'FAILED', 'PROCESSING'],
    );
    assert.equal(monitor.job().instance_ms, 50 * SECOND_MS, 'of the attempt that has ended');
  });

  test('that ends before its start, by the clock of another machine, ends at its start, and is no news again', () => {
    for (const crossed of [
      sighted(-10, { state: 'COMPLETED', worker_id: 'worker-1', started_ms: at(-5), ended_ms: at(-10) }),
      sighted(-10, { state: 'FAILED', worker_id: 'worker-1', started_ms: at(-5) }),
    ]) {
      const monitor = new Monitor();
      observe(monitor, [crossed]);
      const { run, completed_ms } = monitor.job();
      assert.deepEqual([run?.assigned_ms, run?.ended_ms, completed_ms], [at(-5), at(-5), at(-5)]);
      assert.equal(jobDocument(monitor.job()).performance.processing_time_seconds, 0);
      assert.deepEqual(typesOf(observe(monitor, [crossed])), []);
    }
  });

  test('that waits in another queue is neither handed out nor counted in this one', () => {
    const monitor = new Monitor();
    monitor.register('worker-1');
    observe(monitor, [sighted(-5, { state: 'QUEUED' })]);
    assert.equal(monitor.job().state, 'QUEUED');
    assert.deepEqual(monitor.claim('worker-1'), []);
    const { messages_visible, messages_delayed } = mainQueueDocument(monitor.state);
    assert.deepEqual([messages_visible, messages_delayed], [0, 0]);
    assert.deepEqual(typesOf(monitor.run({ type: 'purge_queue', queue: 'main', filter: {} })), []);
  });

  test('does not alternate when two sources disagree about one moment', () => {
    const monitor = new Monitor();
    const a = sighted(0, { worker_id: 'worker-1', percentage: 45 });
    const b = sighted(0, { worker_id: 'worker-1', percentage: 44 });
    observe(monitor, [a], 'log:/a');
    for (const [sighting, source] of [
      [b, 'dir:/b'],
      [a, 'log:/a'],
      [b, 'dir:/b'],
    ] as const) {
      assert.deepEqual(typesOf(observe(monitor, [sighting], source)), []);
    }
  });

  test('is unchanged in a snapshot', () => {
    const monitor = new Monitor();
    observe(monitor, [START, sighted(0, { job_id: 'job-2', state: 'QUEUED' })]);
    assert.deepEqual([...snapshotRows(restore(snapshotRows(monitor.state)))], [...snapshotRows(monitor.state)]);
    assert.equal(rows(monitor).length, 2);
  });

  test('cancelled here stays cancelled until its source reports a later start', () => {
    const monitor = new Monitor();
    observe(monitor, [START]);
    monitor.run({ type: 'cancel_job', job_id: 'job-1' });
    assert.deepEqual(typesOf(observe(monitor, [sighted(0, { percentage: 60 })])), []);
    monitor.later(2 * MINUTE_MS).tick();
    assert.equal(monitor.job().state, 'CANCELLED');
    assert.deepEqual(typesOf(observe(monitor, [START, COMPLETE])), []);
    observe(monitor, [sighted(180, { worker_id: 'worker-1', started_ms: at(180) })]);
    assert.equal(monitor.job().state, 'PROCESSING');
  });
});

test('the known fields of a job cancelled here are kept when its source reports the end', () => {
  const monitor = new Monitor();
  observe(monitor, [START, PROGRESS]);
  monitor.run({ type: 'cancel_job', job_id: 'job-1' });
  assert.equal(monitor.job().observed?.overruled, true);
  const [event] = observe(monitor, [sighted(-5, { state: 'FAILED' })]).events;
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
      assert.equal(judge(state.job(job_id), START).refusal?.code, 'job_of_this_queue');
    }
  });

  test('does not prevent other sightings of a batch from being accepted', () => {
    const monitor = new Monitor();
    monitor.submit('job-2');
    assert.deepEqual(
      observe(monitor, [{ ...START, job_id: 'job-2' }, START]).events.map(({ entity }) => entity),
      ['job-1'],
    );
  });
});

describe('a job that is not in memory', () => {
  test('is skipped if nobody has looked for it in the archive', () => {
    const monitor = new Monitor();
    assert.deepEqual(typesOf(monitor.run({ ...observation(SOURCE, [START]), archived: [] })), []);
  });

  test('is skipped if it has left memory since the archive was read, also where the index has it by now', () => {
    const monitor = new Monitor();
    observe(monitor, LIFE);
    const read_seq = monitor.state.seq;
    monitor.run(forgetJobs([monitor.job()], monitor.at_ms));
    const again = { ...COMPLETE, s3_path: 's3://t/1.json' };
    const late = { ...observation(SOURCE, [again]), read_seq };
    assert.deepEqual(typesOf(monitor.run(late)), []);
    const packs = [...monitor.state.tables.packs.keys()];
    const { archive_seq } = monitor.state.scalars;
    const made_ms = monitor.at_ms;
    monitor.run({ type: 'index_archive', basis_seq: archive_seq, made_ms, packs, shards: [] });
    assert.equal(monitor.state.tables.packed_recently.size, 0);
    assert.deepEqual(typesOf(monitor.run(late)), []);
    assert.deepEqual(typesOf(monitor.run({ ...late, read_seq: monitor.state.seq })), ['JobObserved']);
  });

  test('returns with news as it was archived, and its record in the archive no longer counts', () => {
    const monitor = new Monitor();
    observe(monitor, LIFE);
    monitor.submit('job-2');
    const record = monitor.job();
    const hour = () =>
      [...monitor.state.tables.hours.values()].map(({ submitted, completed }) => [submitted, completed]);
    const counted = hour();
    monitor.run(forgetJobs([record], monitor.at_ms));
    const [pack] = [...monitor.state.tables.packs.keys()];
    const later = sighted(3600, {
      worker_id: 'worker-2',
      state: 'COMPLETED',
      started_ms: at(3540),
      ended_ms: at(3600),
    });
    monitor.later(HOUR_MS).run({
      ...observation(SOURCE, [later]),
      archived: [['job-1', { job: record, pack: pack! }]],
    });
    const job = monitor.job();
    assert.deepEqual(job.history.slice(0, 2), record.history);
    assert.deepEqual([job.ordinal, job.created_ms, job.attempt], [record.ordinal, record.created_ms, 2]);
    assert.equal(job.duration_seconds, record.duration_seconds);
    assert.deepEqual(hour(), counted, 'what was counted is not counted again');
    assert.equal(monitor.state.scalars.archived_jobs, 0);
    for (const state of [monitor.state, restore(snapshotRows(monitor.state))]) {
      assert.deepEqual(state.tables.packs.get(pack!)!.stale, ['job-1']);
      assert.equal(state.tables.packed_recently.size, 0);
    }
  });

  test('returns under another ordinal if its own has been given again, as after an accepted loss', () => {
    const monitor = new Monitor();
    observe(monitor, LIFE);
    const record = { ...monitor.job(), job_id: 'job-9' };
    const sightings = [{ ...COMPLETE, job_id: 'job-9', s3_path: 's3://t/9.json' }];
    monitor.run({ ...observation(SOURCE, sightings), archived: [['job-9', { job: record, pack: null }]] });
    assert.notEqual(monitor.job('job-9').ordinal, record.ordinal);
    assert.deepEqual([...monitor.state.tables.jobs_by_creation.values()].sort(), ['job-1', 'job-9']);
  });
});

test('an end that is reported again without its time is the same end', () => {
  const monitor = new Monitor();
  observe(monitor, [START, COMPLETE]);
  assert.deepEqual(typesOf(observe(monitor, [sighted(0, { state: 'COMPLETED' })])), []);
  const again = sighted(20, { state: 'COMPLETED', worker_id: 'worker-1', started_ms: at(5) });
  assert.deepEqual(typesOf(observe(monitor, [again])), ['JobObserved']);
  assert.deepEqual([monitor.job().attempt, monitor.job().completed_ms], [2, at(20)], 'of a later start it is another');
});

test('a record without sightings keeps its output when a source reports its end', () => {
  const monitor = new Monitor();
  observe(monitor, [START, { ...COMPLETE, s3_path: 's3://t/1.json' }]);
  const { run } = monitor.job();
  const record = { ...monitor.job(), observed: null, run: run && { ...run, token: null } };
  const { news } = judge(record, sighted(0, { state: 'COMPLETED', duration: 50 }));
  assert.deepEqual([news?.s3_path, news?.segments, news?.ended_ms], ['s3://t/1.json', 150, at(-10)]);
  const empty = { ...record, output: { s3_path: '', segments_count: 0, confidence_score: null } };
  assert.equal(judge(empty, sighted(0, { state: 'COMPLETED', duration: 50 })).news?.s3_path, null);
});

describe('the silence of a worker is looked at', () => {
  const checkOf = (monitor: Monitor, sighting: Sighting) => {
    const [event] = observe(monitor, [sighting]).events;
    return (event as Event & { type: 'JobObserved' }).data.worker_check_ms;
  };

  test('half an hour after its last sighting while it works, later when it is idle', () => {
    const monitor = new Monitor({ worker_terminated_ms: HOUR_MS });
    assert.equal(checkOf(monitor, START), at(-60) + 30 * MINUTE_MS);
    assert.equal(checkOf(monitor, { ...START, job_id: 'job-2' }), at(-60) + 30 * MINUTE_MS);
    const end = { ...COMPLETE, worker_id: 'worker-1' };
    assert.equal(checkOf(monitor, end), at(-10) + 30 * MINUTE_MS, 'it has the other job');
    assert.equal(checkOf(monitor, { ...end, job_id: 'job-2' }), at(-10) + HOUR_MS);
  });

  test('never if it sends heartbeats itself, if no worker is named, or if its last sighting is old', () => {
    const monitor = new Monitor();
    monitor.register('worker-1');
    assert.equal(checkOf(monitor, START), null);
    assert.equal(checkOf(monitor, sighted(-5, { job_id: 'job-2', percentage: 5 })), null);
    assert.equal(checkOf(monitor, { ...START, job_id: 'job-3', worker_id: 'worker-2', told_ms: at(-1_800) }), null);
    const just = { ...START, job_id: 'job-4', worker_id: 'worker-2', told_ms: at(-1_799) };
    assert.equal(checkOf(monitor, just), at(1));
  });

  test('from its end on, if it has ended: what was before does not bring it back', () => {
    const monitor = new Monitor();
    observe(monitor, [START]);
    monitor.run({ type: 'terminate_worker', worker_id: 'worker-1', reason: 'asked for' });
    assert.equal(checkOf(monitor, sighted(0, { worker_id: 'worker-1', percentage: 5 })), null);
    assert.equal(monitor.worker().state, 'TERMINATED');
    monitor.later(2_000);
    assert.equal(checkOf(monitor, sighted(1, { worker_id: 'worker-1', percentage: 6 })), at(1) + 30 * MINUTE_MS);
    assert.equal(monitor.worker().state, 'ACTIVE');
  });
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

  test('of old sightings are not added to the fleet, and raise no alert', () => {
    const monitor = new Monitor();
    const year_ms = 365 * 24 * HOUR_MS;
    observe(monitor, [
      { ...START, told_ms: START.told_ms - year_ms, started_ms: START.started_ms! - year_ms },
      { ...FAILED, job_id: 'job-2', told_ms: FAILED.told_ms - year_ms, ended_ms: FAILED.ended_ms! - year_ms },
    ]);
    assert.equal(monitor.state.tables.workers.size, 0);
    assert.deepEqual(typesOf(monitor.later(10 * MINUTE_MS).tick()), []);
  });

  test('one that hangs with a job is UNHEALTHY after half an hour, and its job is not handed out', () => {
    const monitor = new Monitor();
    observe(monitor, [START]);
    monitor.later(28 * MINUTE_MS).tick();
    assert.equal(monitor.worker().status, 'HEALTHY');
    assert.ok(typesOf(monitor.later(2 * MINUTE_MS).tick()).includes('WorkerStatusChanged'));
    assert.equal(monitor.worker().status, 'UNHEALTHY');
    assert.deepEqual(typesOf(monitor.tick()), ['JobJudged', 'AlertRaised']);
    monitor.later(HOUR_MS).tick();
    assert.deepEqual(
      [monitor.worker().state, monitor.worker().holds, monitor.job().state],
      ['TERMINATED', [], 'PROCESSING'],
    );
    observe(monitor.later(MINUTE_MS), [sighted(5_430, { worker_id: 'worker-1', percentage: 80 })]);
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

  test('cannot claim or send heartbeats before they have registered', () => {
    const monitor = new Monitor();
    observe(monitor, [START]);
    monitor.submit('job-2');
    const body = { type: 'claim_jobs', worker_id: 'worker-1', max_jobs: 1, secret: 's' } as const;
    assert.equal(monitor.run(body).refusal?.code, 'worker_not_found');
    assert.equal(monitor.beat('worker-1').refusal?.code, 'worker_not_found');
    assert.equal(
      healthDocument(monitor.state).components.queue.status,
      'UNHEALTHY',
      'jobs wait and no worker claims them',
    );
    monitor.register('worker-1');
    assert.equal(monitor.worker().reported, undefined);
    assert.equal(monitor.claim('worker-1').length, 1);
  });

  test('a lost worker of this monitor does not affect jobs that run elsewhere', () => {
    const monitor = new Monitor();
    monitor.register('worker-1');
    observe(monitor, [START]);
    assert.equal(monitor.worker().holds.length, 1);
    monitor.run({ type: 'terminate_worker', worker_id: 'worker-1', reason: 'asked for' });
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

  test('exclude jobs that ended in a past hour', () => {
    const monitor = new Monitor();
    monitor.later(HOUR_MS);
    observe(monitor, LIFE);
    assert.deepEqual([hour(monitor).jobs_completed, monitor.state.tables.hours.size], [0, 0]);
    assert.equal(monitor.job().state, 'COMPLETED');
  });
});
