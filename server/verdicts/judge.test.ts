import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Job } from '../../protocol/job.ts';
import { MINUTE_MS } from '../../protocol/time.ts';
import { jobDocument } from '../documents/job.ts';
import { restore, snapshotRows } from '../state-machine/state/snapshot.ts';
import { offTrack, verdictCounts } from '../state-machine/state/verdicts.ts';
import { type Lease, Monitor, typesOf } from '../state-machine/testing.ts';
import { assertValid } from '../state-machine/testing-schemas.ts';
import { judge } from './judge.ts';

const BEAT_MS = 5_000;

/** A worker that beats every five seconds while time passes, and reports as told. */
class Fleet extends Monitor {
  readonly beating = new Set<string>();
  #next = 0;

  worker5(worker_id: string): string {
    const registration = {
      capabilities: { model: 'small', device: 'cuda' },
      location: { instance_type: 'g4dn.xlarge' },
    };
    this.run({ type: 'register_worker', worker_id, registration });
    this.beating.add(worker_id);
    return worker_id;
  }

  /** Lets time pass in steps of a second, with heartbeats, and a tick every two seconds. */
  pass(seconds: number, leases: readonly Lease[] = []): this {
    for (let i = 0; i < seconds; i++) {
      this.later(1_000);
      if (this.at_ms % BEAT_MS === 0) for (const worker of this.beating) this.beat(worker, [...leases]);
      if (this.at_ms % 2_000 === 0) this.tick();
    }
    return this;
  }

  /** Jobs of `step` seconds for each of ten steps, so that what is usual is known. */
  learned(jobs = 25, step = 6): this {
    this.worker5('teacher');
    for (let i = 0; i < jobs; i++) {
      const lease = this.claimed(`learned-${i}`, { duration_seconds: 120 }, 'teacher');
      this.progress(lease, 0, { stage: 'downloading' });
      this.pass(3, [lease]).progress(lease, 0, { stage: 'transcribing' });
      for (let percent = 10; percent <= 100; percent += 10) this.pass(step, [lease]).progress(lease, percent);
      this.pass(2, [lease]).complete(lease);
    }
    this.beating.delete('teacher');
    this.run({ type: 'terminate_worker', worker_id: 'teacher', reason: 'test' });
    return this;
  }

  begun(worker_id = 'worker-1', audio = 120): Lease {
    this.#next += 1;
    if (!this.state.worker(worker_id)) this.worker5(worker_id);
    const lease = this.claimed(`job-${this.#next}`, { duration_seconds: audio }, worker_id);
    this.progress(lease, 0, { stage: 'downloading' });
    this.pass(3, [lease]).progress(lease, 0, { stage: 'transcribing' });
    return lease;
  }

  status({ job_id }: { job_id: string }): string {
    return this.job(job_id).verdict?.status ?? 'on_track';
  }
}

test('a job that goes as usual is on track to its end, and no event says so', () => {
  const fleet = new Fleet().learned();
  const lease = fleet.begun();
  for (let percent = 10; percent <= 100; percent += 10) {
    fleet.pass(6, [lease]).progress(lease, percent);
    assert.equal(fleet.job(lease.job_id).verdict, null);
  }
  const { verdict, expected_percentage, expected_completion } = jobDocument(fleet.job(lease.job_id));
  assert.deepEqual([verdict?.status, verdict?.reason], ['on_track', 'On track.']);
  assert.ok(Math.abs(expected_percentage! - 95) <= 6, `${expected_percentage}`);
  const left_seconds = (Date.parse(expected_completion!.p50) - fleet.at_ms) / 1000;
  assert.ok(Math.abs(left_seconds - 0.05 * 60) <= 4, `${left_seconds}`);
  fleet.complete(lease);
  assert.equal(jobDocument(fleet.job(lease.job_id)).verdict, null);
});

test('[B110] a worker that was killed is found within 10 s of the first heartbeat that it misses', () => {
  const fleet = new Fleet().learned();
  const lease = fleet.begun();
  fleet.pass(30, [lease]).progress(lease, 50);
  const missed_ms = Math.ceil((fleet.at_ms + 1) / BEAT_MS) * BEAT_MS;
  fleet.beating.delete('worker-1');
  while (fleet.status(lease) !== 'dead') fleet.pass(1);
  assert.ok(fleet.at_ms - missed_ms <= 10_000, `${fleet.at_ms - missed_ms}`);
  const document = jobDocument(fleet.job(lease.job_id));
  assertValid(Job, document);
  assert.match(
    document.verdict!.reason,
    /^Nothing is heard of worker worker-1; it usually sends a heartbeat every 5 s\.$/,
  );
});

test('a worker that is heard again is not dead', () => {
  const fleet = new Fleet().learned();
  const lease = fleet.begun();
  fleet.pass(30, [lease]);
  fleet.beating.delete('worker-1');
  fleet.pass(20);
  assert.equal(fleet.status(lease), 'dead');
  fleet.beating.add('worker-1');
  fleet.pass(10, [lease]);
  assert.equal(fleet.status(lease), 'on_track');
});

test('[B110] a job that stands still while its worker beats is hung within twice the time of a step', () => {
  const fleet = new Fleet().learned(210, 15);
  const lease = fleet.begun();
  for (let percent = 10; percent <= 30; percent += 10) fleet.pass(15, [lease]).progress(lease, percent);
  const from_ms = fleet.at_ms;
  while (fleet.status(lease) === 'on_track') fleet.pass(1, [lease]).progress(lease, 30);
  assert.equal(fleet.status(lease), 'hung');
  assert.ok(fleet.at_ms - from_ms <= 30_000, `${fleet.at_ms - from_ms}`);
  const { reason, since, evidence } = jobDocument(fleet.job(lease.job_id)).verdict!;
  assert.match(reason, /^No progress, although worker worker-1 is alive/);
  assert.equal(Date.parse(since), from_ms);
  assert.equal(evidence.part, 'work');
  fleet.progress(lease, 40);
  fleet.pass(2, [lease]);
  assert.equal(fleet.status(lease), 'on_track');
});

test('without anything known a job is hung after 30 minutes, or by its own steps', () => {
  const fleet = new Fleet();
  const [silent, steady] = [fleet.begun('worker-1'), fleet.begun('worker-2')];
  for (let percent = 10; percent <= 70; percent += 10) fleet.pass(10, [silent, steady]).progress(steady, percent);
  fleet.pass(115, [silent, steady]);
  assert.equal(fleet.status(steady), 'on_track');
  fleet.pass(15, [silent, steady]);
  assert.equal(fleet.status(steady), 'hung');
  fleet.pass(26 * 60, [silent, steady]);
  assert.equal(fleet.status(silent), 'on_track');
  fleet.pass(3 * 60, [silent, steady]);
  assert.equal(fleet.status(silent), 'hung');
});

test('a job behind the pace of its hardware is slow, and says which part is', () => {
  const fleet = new Fleet().learned();
  const lease = fleet.begun();
  for (let percent = 10; percent <= 70; percent += 10) fleet.pass(14, [lease]).progress(lease, percent);
  fleet.pass(2, [lease]);
  assert.equal(fleet.status(lease), 'slow');
  assert.equal(fleet.job(lease.job_id).verdict!.evidence.part, 'pace');

  const slow = fleet.claimed('download', { duration_seconds: 120 }, fleet.worker5('worker-2'));
  fleet.progress(slow, 0, { stage: 'downloading' });
  fleet.pass(30, [lease, slow]);
  assert.equal(fleet.status({ job_id: 'download' }), 'slow');
  assert.match(fleet.job('download').verdict!.reason, /^The network is slow: the download takes/);
  fleet.progress(slow, 0, { stage: 'transcribing' });
  fleet.pass(2, [lease, slow]);
  assert.equal(fleet.status({ job_id: 'download' }), 'on_track');
});

test('while the monitor could not be reached nothing is held against a job', () => {
  const fleet = new Fleet().learned();
  const lease = fleet.begun();
  fleet.pass(6, [lease]).progress(lease, 10);
  fleet.later(10 * MINUTE_MS);
  // As after a start: silence does not count for one lease time, and the worker is heard again.
  for (let i = 0; i < 12; i++) {
    fleet.later(BEAT_MS).beat('worker-1', [lease]);
    assert.deepEqual(
      typesOf(fleet.tick(false)).filter((type) => type === 'JobJudged'),
      [],
    );
    if (i === 10) fleet.progress(lease, 60);
  }
  fleet.pass(10, [lease]);
  assert.equal(fleet.status(lease), 'on_track');
});

test('waiting jobs are blocked while no live worker can take them, and the reason says why', () => {
  const fleet = new Fleet();
  fleet.submit('job-1');
  fleet.pass(10);
  assert.equal(fleet.status({ job_id: 'job-1' }), 'on_track');
  fleet.pass(8);
  const { verdict } = fleet.job('job-1');
  assert.deepEqual([verdict?.status, verdict?.reason], ['blocked', 'No live worker can take it: none is alive.']);
  fleet.worker5('worker-1');
  fleet.pass(2);
  assert.equal(fleet.status({ job_id: 'job-1' }), 'on_track');
  fleet.run({ type: 'drain_worker', worker_id: 'worker-1' });
  fleet.pass(2);
  assert.equal(fleet.job('job-1').verdict?.reason, 'No live worker can take it: 1 draining.');
});

test('a job that requires what no live worker has is blocked, and the reason names it', () => {
  const fleet = new Fleet();
  fleet.worker5('worker-1');
  const capabilities = { model: 'tiny', device: 'cpu' };
  for (const worker_id of ['worker-2', 'worker-3'])
    fleet.run({ type: 'register_worker', worker_id, registration: { capabilities, location: {} } });
  fleet.submit('job-1', { options: { model: 'tiny' }, requires: { device: 'cuda' } });
  fleet.submit('job-2', { options: { model: 'tiny' }, requires: { device: 'cpu' } });
  fleet.pass(18);
  const { verdict } = fleet.job('job-1');
  const reason = 'No live worker can take it: 1 without the model tiny, 2 without the device cuda.';
  assert.deepEqual([verdict?.status, verdict?.reason], ['blocked', reason]);
  assert.equal(verdict?.evidence.unfit_workers, 3);
  assert.equal(fleet.status({ job_id: 'job-2' }), 'on_track');
});

test('a job whose signed URL has expired is blocked', () => {
  const fleet = new Fleet();
  const seconds = Math.floor(fleet.at_ms / 1000) + 60;
  fleet.worker5('worker-1');
  fleet.submit('job-1', { audio_url: `https://example.org/a.wav?Expires=${seconds}&Signature=0&Key-Pair-Id=0` });
  fleet.pass(58);
  assert.equal(fleet.status({ job_id: 'job-1' }), 'on_track');
  fleet.pass(4);
  assert.match(fleet.job('job-1').verdict!.reason, /^The signed URL of its recording expired/);
});

test('a job that waits far beyond the start that was expected when it was queued is starved', () => {
  const fleet = new Fleet().learned();
  fleet.worker5('worker-1');
  fleet.submit('job-1');
  const { start_by_ms, queued_ms } = fleet.job('job-1');
  assert.equal(start_by_ms! - queued_ms, 30_000);
  fleet.pass(104);
  assert.equal(fleet.status({ job_id: 'job-1' }), 'on_track');
  fleet.pass(4);
  assert.equal(fleet.status({ job_id: 'job-1' }), 'starved');
  assert.match(fleet.job('job-1').verdict!.reason, /1 of 1 workers are idle and claim nothing\.$/);
});

test('counts and the index follow the verdicts, in a live and in a restored fold', () => {
  const fleet = new Fleet().learned();
  const [dead, hung, good] = ['worker-1', 'worker-2', 'worker-3'].map((worker) => fleet.begun(worker));
  fleet.beating.delete('worker-1');
  for (let percent = 10; percent < 100; percent += 10) fleet.pass(6, [hung!, good!]).progress(good!, percent);
  fleet.pass(16, [hung!, good!]);
  const expected = { on_track: 2, slow: 0, hung: 1, dead: 0, starved: 0, blocked: 0 };
  // The lease of the dead worker's job has ended: the job waits again.
  assert.deepEqual(verdictCounts(fleet.state), expected);
  assert.deepEqual(
    [...offTrack(fleet.state)].map(({ job_id }) => job_id),
    [hung!.job_id],
  );
  const restored = restore(snapshotRows(fleet.state));
  assert.deepEqual(verdictCounts(restored), expected);
  for (const job of fleet.state.tables.jobs.values()) {
    assert.deepEqual(judge(restored, job, fleet.at_ms), judge(fleet.state, job, fleet.at_ms));
  }
  assert.equal(dead!.job_id, 'job-1');
  fleet.run({ type: 'cancel_job', job_id: hung!.job_id });
  assert.equal(verdictCounts(fleet.state).hung, 0);
});

/** Jobs of 40 steps, of which every `rare`th is four times as long. */
function steady(jobs: number, rare = Number.POSITIVE_INFINITY): Fleet {
  const fleet = new Fleet();
  fleet.worker5('teacher');
  let steps = 0;
  for (let i = 0; i < jobs; i++) {
    const lease = fleet.claimed(`learned-${i}`, { duration_seconds: 400 }, 'teacher');
    fleet.progress(lease, 0, { stage: 'transcribing' });
    for (let step = 1; step <= 40; step++) {
      steps += 1;
      fleet.later((steps % 7) * 300);
      for (let beats = steps % rare === 0 ? 4 : 1; beats > 0; beats--) fleet.later(15_000).beat('teacher', [lease]);
      fleet.progress(lease, 2.5 * step);
    }
    fleet.later(1_000).complete(lease);
  }
  fleet.beating.delete('teacher');
  fleet.run({ type: 'terminate_worker', worker_id: 'teacher', reason: 'test' });
  // Heartbeats and ticks are at whole seconds.
  return fleet.later(10_000 - (fleet.at_ms % 10_000));
}

/** After how many seconds without a step this job, with steps of so many seconds, is hung. */
function hungAfter(fleet: Fleet, step: number): number {
  const lease = fleet.begun('worker-1', 400);
  for (let percent = 2.5; percent <= 25; percent += 2.5) fleet.pass(step, [lease]).progress(lease, percent);
  const from_ms = fleet.at_ms;
  while (fleet.status(lease) !== 'hung') fleet.pass(1, [lease]);
  return (fleet.at_ms - from_ms) / 1000;
}

test('[B110] where steps are even a job is hung within twice a step, and where rare ones are four times as long, not before', () => {
  const even = hungAfter(steady(80), 16);
  assert.ok(even <= 32, `${even}`);
  const uneven = hungAfter(steady(80, 200), 16);
  assert.ok(uneven > 64 && uneven <= 110, `${uneven}`);
});

test('a step is measured against the steps of its own job: a job with longer ones is hung later', () => {
  const usual = hungAfter(steady(80), 16);
  const longer = hungAfter(steady(80), 48);
  assert.ok(longer > 2.5 * usual && longer < 3.5 * usual, `${usual} and ${longer}`);
});

test('a download that reports nothing is hung once a network would have to be hundreds of times slower than usual', () => {
  const fleet = new Fleet().learned();
  const lease = fleet.claimed('download', { duration_seconds: 120 }, fleet.worker5('worker-2'));
  fleet.progress(lease, 0, { stage: 'downloading' });
  fleet.pass(29 * 60, [lease]);
  assert.equal(fleet.status(lease), 'slow');
  fleet.pass(2 * 60, [lease]);
  assert.equal(fleet.status(lease), 'hung');
});
