import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomOf } from '../../../test/random.ts';
import { Monitor } from '../testing.ts';
import { accuracyOf, corrected, type Estimate, KEPT_MAX, PROMISES, settle } from './promises.ts';
import { restore, snapshotRows } from './snapshot.ts';
import { State } from './state.ts';

const NOW = 1_000_000;
const PLAIN: Estimate = { p50_ms: NOW + 100_000, p90_ms: NOW + 150_000 };

/** Jobs that take `took` seconds each, every one by the estimate that is made for it. */
function run(state: State, jobs: number, took: () => number): void {
  for (let i = 0; i < jobs; i++) {
    const estimate = corrected(state, { kind: 'end', group: 'later' }, PLAIN, NOW);
    settle(state, 'end', { estimate, group: 'later' }, NOW + 1000 * took());
  }
}

test('nine of ten jobs end by P90 and half by P50, however wrong the plain estimate is', () => {
  for (const factor of [0.4, 1, 3]) {
    const [state, random] = [new State(), randomOf(factor * 10)];
    run(state, 3_000, () => factor * (60 + 80 * random()));
    const { jobs, within_p50, within_p90 } = accuracyOf(state, 'end');
    assert.equal(jobs, KEPT_MAX);
    assert.ok(within_p90! >= 0.87 && within_p90! <= 0.93, `${factor}: ${within_p90}`);
    assert.ok(within_p50! >= 0.45 && within_p50! <= 0.55, `${factor}: ${within_p50}`);
  }
});

test('only the last thousand jobs count', () => {
  const state = new State();
  const estimate = PLAIN;
  for (let i = 0; i < 700; i++) settle(state, 'start', { estimate, group: 'now' }, PLAIN.p90_ms + 1);
  assert.deepEqual(accuracyOf(state, 'start'), { jobs: 700, within_p50: 0, within_p90: 0 });
  for (let i = 0; i < KEPT_MAX; i++) settle(state, 'start', { estimate, group: 'now' }, PLAIN.p90_ms);
  assert.deepEqual(accuracyOf(state, 'start'), { jobs: KEPT_MAX, within_p50: 0, within_p90: 1 });
  assert.deepEqual(accuracyOf(state, 'run'), { jobs: 0, within_p50: null, within_p90: null });
});

/** A monitor that expects a minute for each job. */
function learned(): Monitor {
  const monitor = new Monitor();
  for (let i = 0; i < 30; i++) {
    const lease = monitor.claimed(`done-${i}`, { duration_seconds: 60 });
    monitor.later(60_000).complete(lease);
  }
  return monitor;
}

test('what a job was promised when it was queued and when it began is settled by its start and its end', () => {
  const monitor = learned();
  const before = PROMISES.map((kind) => accuracyOf(monitor.state, kind).jobs);
  const lease = monitor.claimed('job', { duration_seconds: 60 });
  const { promise, run } = monitor.job('job');
  assert.equal(promise?.start, null);
  assert.ok(promise?.end != null && run?.end != null);
  monitor.later(60_000).complete(lease);
  assert.equal(monitor.job('job').promise, null);
  assert.deepEqual(
    PROMISES.map((kind) => accuracyOf(monitor.state, kind).jobs),
    before.map((jobs) => jobs + 1),
  );
});

test('a job that returns to the queue is late by the end that was promised first', () => {
  const monitor = learned();
  const lease = monitor.claimed('job', { duration_seconds: 60 });
  const first = monitor.job('job').promise!.end;
  monitor.later(10 * 60_000).fail(lease, { code: 'engine_crashed' });
  const { promise } = monitor.job('job');
  assert.deepEqual(promise!.end, first);
  assert.ok(promise!.start !== null);
});

test('a restored fold corrects estimates in the same way', () => {
  const { state } = learned();
  const restored = restore(snapshotRows(state));
  for (const kind of PROMISES) {
    assert.deepEqual(accuracyOf(restored, kind), accuracyOf(state, kind));
    for (const group of ['now', 'later'] as const)
      assert.deepEqual(corrected(restored, { kind, group }, PLAIN, NOW), corrected(state, { kind, group }, PLAIN, NOW));
  }
});
