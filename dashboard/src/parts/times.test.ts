/** Times in the viewer's zone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clockTime, inUtc } from './times.ts';

const NOW = Date.parse('2026-11-27T11:42:00Z');

test('a time of today is a clock time, of another day has its day, of another year its year', () => {
  assert.equal(clockTime('2026-11-27T11:32:48Z', NOW, 'Europe/Berlin'), '12:32:48');
  assert.equal(clockTime('2026-11-03T17:41:06Z', NOW, 'Europe/Berlin'), '3 Nov, 18:41');
  assert.match(clockTime('2025-07-07T19:30:00Z', NOW, 'UTC'), /^7 Jul 2025, 19:30$/);
});

test('today is the day of the viewer, not of UTC', () => {
  const late = Date.parse('2026-11-27T23:30:00Z');
  assert.equal(clockTime('2026-11-27T22:30:00Z', late, 'Europe/Berlin'), '27 Nov, 23:30');
  assert.equal(clockTime('2026-11-27T23:10:00Z', late, 'Europe/Berlin'), '00:10:00');
});

test('on hover a time is in UTC', () => {
  assert.equal(inUtc('2026-11-27T11:32:48.020Z'), '2026-11-27 11:32:48 UTC');
});

test('what is no time is shown as it is', () => {
  assert.deepEqual([clockTime('soon', NOW), inUtc('soon')], ['soon', 'soon']);
});
