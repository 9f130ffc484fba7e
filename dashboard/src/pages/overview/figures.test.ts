/** Figures and series of the overview. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MetricsPeriod } from '../../../../protocol/system.ts';
import { workerOf } from '../../testing.ts';
import { audioPerHour, fleetUse, successTrend, throughputTrend } from './figures.ts';
import { seriesOf } from './history-series.ts';
import { withKept } from './running-rows.ts';

const NOW = Date.parse('2026-11-27T11:30:00Z');
const period = (period_start: string, change: Partial<MetricsPeriod> = {}): MetricsPeriod => ({
  period_start,
  jobs_submitted: 0,
  jobs_completed: 0,
  jobs_failed: 0,
  jobs_cancelled: 0,
  average_processing_time: null,
  average_queue_time: null,
  audio_seconds: 0,
  cost_total: 0,
  success_rate: null,
  audio_hours: 0,
  queue_depth: null,
  queue_depth_max: null,
  queue_depth_mean: null,
  age_oldest_message_max: null,
  worker_seconds_paid: null,
  worker_seconds_busy: null,
  worker_seconds_idle: null,
  measured_seconds: 3600,
  as_of_seq: 1,
  ...change,
});

test('throughput is compared with the same sixty minutes of yesterday', () => {
  const hours = [
    period('2026-11-26T10:00:00Z', { jobs_completed: 60 }),
    period('2026-11-26T11:00:00Z', { jobs_completed: 40 }),
  ];
  assert.deepEqual(throughputTrend(53, hours, NOW), { text: '+6 %', good: true });
  assert.deepEqual(throughputTrend(25, hours, NOW), { text: '−50 %', good: false });
});

test('a few jobs of yesterday are nothing to compare with', () => {
  assert.equal(throughputTrend(179, [period('2026-11-26T10:00:00Z', { jobs_completed: 4 })], NOW), null);
});

test('audio an hour is this hour and the rest of the one before', () => {
  const hours = [
    period('2026-11-27T10:00:00Z', { audio_seconds: 7200 }),
    period('2026-11-27T11:00:00Z', { audio_seconds: 1800 }),
  ];
  assert.equal(audioPerHour(hours, NOW), 1.5);
});

test('the success rate is compared with the day before, in points', () => {
  const before = [period('2026-11-26T05:00:00Z', { jobs_completed: 99, jobs_failed: 1 })];
  assert.deepEqual(successTrend(0.981, before, NOW), { text: '−0.9', good: false });
  assert.equal(successTrend(0.981, [], NOW), null);
});

test('a fleet without GPUs is measured by its CPUs, and idle workers by their price', () => {
  const priced = { ...workerOf().location, spot_price: 0.4 };
  const gpu = workerOf({ health: { ...workerOf().health, gpu_usage: 80 }, location: priced });
  assert.deepEqual(fleetUse([gpu]), { kind: 'GPU', mean: 80, idle_usd: 0.4 });
  const cpu = workerOf({ health: { ...workerOf().health, gpu_usage: null, cpu_usage: 50 } });
  assert.deepEqual(fleetUse([cpu, workerOf({ state: 'TERMINATED' })]), { kind: 'CPU', mean: 50, idle_usd: 0 });
  assert.equal(fleetUse([]).mean, null);
});

test('the series has every period of its range, also those in which nothing happened', () => {
  const hours = [
    period('2026-11-27T08:00:00Z', { jobs_completed: 5, jobs_failed: 1, queue_depth_mean: 2 }),
    period('2026-11-27T10:00:00Z', { jobs_completed: 7 }),
  ];
  const [times, all, completed, waiting] = seriesOf(hours, 'hour');
  assert.deepEqual([times.length, all, completed, waiting], [3, [6, 0, 7], [5, 0, 7], [2, 0, null]]);
  assert.deepEqual(seriesOf([], 'hour')[0], []);
});

test('rows on view keep their place, and new ones follow while there is room', () => {
  assert.deepEqual(withKept(['c', 'a', 'd'], ['a', 'b'], 3), ['a', 'b', 'c']);
  assert.deepEqual(withKept(['c'], ['a', 'b', 'x', 'y'], 3), ['a', 'b', 'x', 'y']);
});
