/** What the alert about a slow store sees. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommitPace } from './commit-pace.ts';
import { TurnedClock } from './testing-clock.ts';

test('the median of the commits of the last minute, null without any', async () => {
  const clock = new TurnedClock('2026-01-01T00:00:00Z');
  const pace = new CommitPace(clock);
  assert.equal(pace.median_seconds, null);
  for (const took_ms of [9_000, 8_000, 7_000]) pace.add(took_ms);
  assert.equal(pace.median_seconds, 8);
  await clock.turn(40_000);
  for (const took_ms of [300, 100]) pace.add(took_ms);
  assert.equal(pace.median_seconds, 7);
  await clock.turn(30_000);
  assert.equal(pace.median_seconds, 0.1);
  await clock.turn(60_000);
  assert.equal(pace.median_seconds, null);
});
