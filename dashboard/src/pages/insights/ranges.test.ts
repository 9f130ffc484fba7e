/** Ranges of time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRange, timeOf, timesOf } from './ranges.ts';

const NOW_MS = Date.parse('2026-11-27T11:42:00Z');

test('ranges are whole days of UTC; those that reach to now have no end', () => {
  assert.deepEqual(timesOf('today', NOW_MS), { from: '2026-11-27T00:00:00.000Z' });
  assert.deepEqual(timesOf('yesterday', NOW_MS), { from: '2026-11-26T00:00:00.000Z', to: '2026-11-27T00:00:00.000Z' });
  assert.deepEqual(timesOf('last 7 days', NOW_MS), { from: '2026-11-21T00:00:00.000Z' });
  assert.ok(isRange('last 90 days') && !isRange('last week') && !isRange(null));
});

test('days and hours are points in time, other groups are not', () => {
  assert.equal(timeOf('2026-11-27'), Date.parse('2026-11-27T00:00:00Z') / 1000);
  assert.equal(timeOf('2026-11-27T10:00:00Z'), Date.parse('2026-11-27T10:00:00Z') / 1000);
  for (const group of ['large-v3', '2026', null]) assert.equal(timeOf(group), null);
});
