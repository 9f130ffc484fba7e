/** D17: how long a job may stand still depends on its own pace. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOTHING_KNOWN, type Sighting } from '../../protocol/sighting.ts';
import { etaOf, follow, paceOf, stillFor, stuckLimit, type Track } from './track.ts';

const NOW = Date.parse('2025-07-07T20:00:00Z');
const MINUTE = 60_000;
const STUCK_AFTER = 30 * MINUTE;

/** Minutes before NOW. */
function sighting(told: number, percentage: number | null, started: number | null = 60): Sighting {
  return {
    ...NOTHING_KNOWN,
    job_id: 'job-1',
    state: 'PROCESSING',
    told_ms: NOW - told * MINUTE,
    worker_id: 'worker-1',
    started_ms: started === null ? null : NOW - started * MINUTE,
    percentage,
  };
}

const seenAt = (minutes: number) => ({ now_ms: NOW - minutes * MINUTE });

const limitOf = (track: Track): number => stuckLimit(track, STUCK_AFTER) / MINUTE;

test('if nothing is known, the limit is --stuck-after', () => {
  assert.equal(limitOf(follow(undefined, sighting(50, null), seenAt(0))), 30);
  assert.equal(limitOf(follow(undefined, sighting(50, 0), seenAt(0))), 30);
  assert.equal(limitOf(follow(undefined, sighting(50, 20, null), seenAt(0))), 30);
});

test('one report above ten percent allows three times the time for ten percent', () => {
  // 40 % in 40 minutes: 10 % is 10 minutes.
  assert.equal(limitOf(follow(undefined, sighting(20, 40), seenAt(0))), 30);
  // A fast job is found early, a slow one is given its time.
  assert.equal(limitOf(follow(undefined, sighting(50, 40), seenAt(0))), 7.5);
  assert.equal(limitOf(follow(undefined, sighting(0, 20, 600), seenAt(0))), 900);
});

test('one report up to ten percent is no pace: three times the time so far, at most --stuck-after', () => {
  assert.equal(limitOf(follow(undefined, sighting(20, 1), seenAt(0))), 30);
  assert.equal(limitOf(follow(undefined, sighting(0, 10, 600), seenAt(0))), 30);
  assert.equal(limitOf(follow(undefined, sighting(55, 10), seenAt(0))), 15);
});

test('observed steps allow three times the longest', () => {
  let track = follow(undefined, sighting(50, 10), seenAt(50));
  track = follow(track, sighting(46, 20), seenAt(46));
  track = follow(track, sighting(36, 30), seenAt(36));
  assert.equal(limitOf(track), 30);
  track = follow(track, sighting(35, 31), seenAt(35));
  assert.equal(limitOf(track), 30);
});

test('a pause of a fast job is ignored for five minutes, or --stuck-after if that is less', () => {
  let track = follow(undefined, sighting(50, 10), seenAt(50));
  track = follow(track, sighting(49.9, 20), seenAt(49.9));
  assert.equal(limitOf(track), 5);
  assert.equal(stuckLimit(track, MINUTE), MINUTE);
});

test('a report of the same percentage is not progress, however recent', () => {
  let track = follow(undefined, sighting(50, 45), seenAt(50));
  for (const minutes of [40, 30, 20, 10, 0]) track = follow(track, sighting(minutes, 45), seenAt(minutes));
  assert.equal(stillFor(track, NOW), 50 * MINUTE);
  assert.equal(track.longest_still_ms, null);
});

test('a log shows since when a job has stood still, even at the first read', () => {
  const track = follow(undefined, sighting(0, 45), { now_ms: NOW, moved_ms: NOW - 50 * MINUTE });
  assert.equal(stillFor(track, NOW), 50 * MINUTE);
});

test('another stage is progress', () => {
  let track = follow(undefined, { ...sighting(50, 45), stage: 'DOWNLOADING' }, seenAt(50));
  track = follow(track, { ...sighting(2, 45), stage: 'TRANSCRIBING' }, seenAt(2));
  assert.equal(stillFor(track, NOW), 2 * MINUTE);
});

test('a job that starts again gets a new track', () => {
  let track = follow(undefined, sighting(50, 10), seenAt(50));
  track = follow(track, sighting(46, 90), seenAt(46));
  track = follow(track, sighting(1, 3, 2), seenAt(1));
  assert.deepEqual([track.longest_still_ms, track.points.length, track.started_ms], [null, 1, NOW - 2 * MINUTE]);
});

test('the pace is that of the last moves, and the time left follows from it', () => {
  let track = follow(undefined, sighting(10, 40), seenAt(10));
  assert.equal(paceOf(track)! * MINUTE, 0.8);
  track = follow(track, sighting(5, 60), seenAt(5));
  assert.equal(paceOf(track)! * MINUTE, 4);
  assert.equal(etaOf(track, NOW)! / MINUTE, 5);
});

test('a time that lies ahead is not trusted: silence counts from when we first saw it', () => {
  let track = follow(undefined, sighting(-600, 45), seenAt(40));
  track = follow(track, sighting(-600, 45), seenAt(0));
  assert.equal(stillFor(track, NOW), 40 * MINUTE);
});

test('a job that another worker has started again has not stood still since before', () => {
  // The log last changed its percentage in the first attempt, which ended without a word.
  const again = follow(undefined, sighting(3, 30, 3), { ...seenAt(0), moved_ms: NOW - 180 * MINUTE });
  assert.equal(stillFor(again, NOW), 3 * MINUTE);
  assert.equal(limitOf(again), 30);
});
