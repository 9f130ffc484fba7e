import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle } from '../state-machine/state/promises.ts';
import { restore, snapshotRows } from '../state-machine/state/snapshot.ts';
import { Monitor } from '../state-machine/testing.ts';
import { Forecast, type Outlook } from './forecast.ts';
import { Outlooks } from './outlooks.ts';

const MINUTE_MS = 60_000;

/** A monitor that has learned: 40 jobs of a minute of audio that took a minute each. */
function learned(policy = {}): Monitor {
  const monitor = new Monitor(policy);
  for (let i = 0; i < 40; i++) monitor.complete(begun(monitor, `done-${i}`, 'teacher', 60));
  monitor.run({ type: 'terminate_worker', worker_id: 'teacher', reason: 'test' });
  return monitor;
}

/** An attempt that began a minute ago. */
function begun(monitor: Monitor, job_id: string, worker_id: string, duration_seconds: number) {
  const lease = monitor.claimed(job_id, { duration_seconds }, worker_id);
  monitor.later(MINUTE_MS);
  return lease;
}

const forecastOf = ({ state, at_ms }: Monitor, passes_max = 50) => new Forecast(state, { passes_max, at_ms });
const outlook = (monitor: Monitor, job_id: string): Outlook =>
  forecastOf(monitor).of(monitor.state, monitor.job(job_id));
const minutesUntil = (monitor: Monitor, at_ms: number): number => Math.round((at_ms - monitor.at_ms) / MINUTE_MS);

test('waiting jobs begin one after another as the workers become free, in the order of claims', () => {
  const monitor = learned();
  monitor.claimed('running-1', { duration_seconds: 60 }, 'worker-1');
  monitor.claimed('running-2', { duration_seconds: 180 }, 'worker-2');
  monitor.submit('normal', { duration_seconds: 60 });
  monitor.submit('low', { duration_seconds: 60, priority: 'low' });
  monitor.submit('high', { duration_seconds: 60, priority: 'high' });
  const outlooks = ['high', 'normal', 'low'].map((job_id) => outlook(monitor, job_id));
  assert.deepEqual(
    outlooks.map(({ position }) => position),
    [1, 2, 3],
  );
  // Worker 1 is free in a minute, and takes two of them before worker 2 is.
  assert.deepEqual(
    outlooks.map(({ start }) => minutesUntil(monitor, start!.p50_ms)),
    [1, 2, 3],
  );
  for (const { start, end } of outlooks) {
    assert.ok(start!.p90_ms > start!.p50_ms);
    assert.ok(end!.p50_ms > start!.p50_ms && end!.p90_ms >= end!.p50_ms);
  }
});

test('a class that was passed over is next in the forecast as in the claim', () => {
  const monitor = learned();
  for (let i = 0; i < 6; i++) monitor.submit(`high-${i}`, { priority: 'high' });
  monitor.submit('low', { priority: 'low' });
  assert.equal(forecastOf(monitor, 3).of(monitor.state, monitor.job('low')).position, 4);
  assert.equal(forecastOf(monitor, 50).of(monitor.state, monitor.job('low')).position, 7);
});

test('a worker whose job hangs is not expected to take another', () => {
  const monitor = learned();
  monitor.claimed('hung', { duration_seconds: 60 }, 'worker-1');
  monitor.claimed('running', { duration_seconds: 600 }, 'worker-2');
  monitor.submit('waiting', { duration_seconds: 60 });
  assert.equal(minutesUntil(monitor, outlook(monitor, 'waiting').start!.p50_ms), 1);
  const { state, attempt } = monitor.job('hung');
  assert.equal(state, 'PROCESSING');
  const said = { status: 'hung', since_ms: monitor.at_ms, reason: '', evidence: {} } as const;
  monitor.apply({ type: 'JobJudged', entity: 'hung', data: { state: 'PROCESSING', attempt, ...said } });
  assert.equal(minutesUntil(monitor, outlook(monitor, 'waiting').start!.p50_ms), 10);
});

test('a running job ends by the usual pace at first, and by its own as it goes on', () => {
  const monitor = learned();
  const lease = monitor.claimed('job', { duration_seconds: 600 }, 'worker-1');
  assert.equal(minutesUntil(monitor, outlook(monitor, 'job').end!.p50_ms), 10);
  monitor.later(6_000).progress(lease, 1);
  // Twice as slow as usual.
  const expected = [];
  for (let percent = 2; percent <= 50; percent++) {
    monitor.later(12_000).progress(lease, percent);
    expected.push(outlook(monitor, 'job').end!.p50_ms);
  }
  const left = expected.map((at_ms, i) => (at_ms - (monitor.at_ms - 12_000 * (expected.length - 1 - i))) / MINUTE_MS);
  assert.ok(left[0]! > 9.5 && left[0]! < 15, `${left[0]}`);
  assert.ok(Math.abs(left.at(-1)! - 10) < 1, `${left.at(-1)}`);
});

test('an estimate is never before now, also of a job that stands still', () => {
  const monitor = learned();
  const lease = monitor.claimed('job', { duration_seconds: 60 }, 'worker-1');
  monitor.later(30_000).progress(lease, 50);
  monitor.submit('next');
  monitor.later(60 * MINUTE_MS);
  const { end } = outlook(monitor, 'job');
  const { start } = outlook(monitor, 'next');
  assert.ok(end!.p50_ms >= monitor.at_ms && end!.p90_ms >= end!.p50_ms);
  assert.ok(start!.p50_ms >= monitor.at_ms);
});

test('without a pace, or without a worker that can be counted on, only the position is known', () => {
  const fresh = new Monitor();
  fresh.register('worker-1');
  fresh.submit('job');
  assert.deepEqual(outlook(fresh, 'job'), { position: 1, start: null, end: null });
  const nobody = learned();
  nobody.submit('job');
  assert.deepEqual(outlook(nobody, 'job'), { position: 1, start: null, end: null });
});

test('jobs behind the 10,000 that are scheduled begin later, by the mean rate', () => {
  const monitor = learned();
  for (let i = 0; i < 10; i++) monitor.register(`worker-${i}`);
  for (let i = 0; i < 10; i++)
    monitor.run({
      type: 'submit_jobs',
      jobs: Array.from({ length: 1_050 }, (_, j) => ({ job_id: `job-${i}-${j}`, audio_url: 's3://bucket/a.mp3' })),
    });
  const forecast = forecastOf(monitor);
  const of = (job_id: string) => forecast.of(monitor.state, monitor.job(job_id));
  const [inside, behind, last] = [of('job-9-400'), of('job-9-700'), of('job-9-1049')];
  assert.equal(inside.position, 9_851);
  assert.ok(Math.abs(behind.position! - 10_151) <= 5, `${behind.position}`);
  assert.ok(Math.abs(last.position! - 10_500) <= 5, `${last.position}`);
  assert.ok(inside.start!.p50_ms < behind.start!.p50_ms && behind.start!.p50_ms < last.start!.p50_ms);
  assert.ok(Math.abs(minutesUntil(monitor, behind.start!.p50_ms) / 1_015 - 1) < 0.1);
});

test('a restored fold expects the same', () => {
  const monitor = learned();
  monitor.later(6_000).progress(monitor.claimed('job', { duration_seconds: 600 }, 'worker-1'), 30);
  monitor.submit('next');
  const restored = restore(snapshotRows(monitor.state));
  for (const job of restored.tables.jobs.values()) {
    const again = new Forecast(restored, { passes_max: 50, at_ms: monitor.at_ms }).of(restored, job);
    assert.deepEqual(again, outlook(monitor, job.job_id));
  }
});

test('readers get one forecast for a second; a job that was queued since is behind the others', () => {
  const monitor = learned();
  monitor.register('worker-1');
  const outlooks = new Outlooks({ state: () => monitor.state, now: () => monitor.at_ms, passes_max: 50 });
  monitor.submit('a');
  assert.equal(outlooks.of(monitor.job('a')).position, 1);
  monitor.submit('b', { priority: 'high' });
  assert.equal(outlooks.of(monitor.job('a')).position, 1);
  monitor.later(1_000);
  assert.equal(outlooks.of(monitor.job('a')).position, 2);
  monitor.submit('c');
  const { position, start } = outlooks.of(monitor.job('c'));
  assert.equal(position, 3);
  assert.ok(start !== null);
});

test('no job is expected to end before it begins, however wrong earlier estimates were', () => {
  const monitor = learned();
  // Starts were late, and ends were early.
  for (let i = 0; i < 100; i++) {
    const estimate = { p50_ms: monitor.at_ms, p90_ms: monitor.at_ms };
    settle(monitor.state, 'start', { estimate, group: 'later' }, monitor.at_ms + 1);
    settle(monitor.state, 'end', { estimate, group: 'later' }, monitor.at_ms - 1);
  }
  monitor.claimed('running', { duration_seconds: 600 }, 'worker-1');
  monitor.submit('next', { duration_seconds: 1 });
  const { start, end } = outlook(monitor, 'next');
  assert.ok(end!.p50_ms >= start!.p50_ms && end!.p90_ms >= start!.p90_ms, JSON.stringify({ start, end }));
});
