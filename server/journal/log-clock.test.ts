import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../clock.ts';
import { LogClock } from './log-clock.ts';

/** A machine whose wall clock and monotonic clock are set by hand. */
function machine() {
  const hands = { wall_ms: 1_000_000, monotonic_ms: 0 };
  const clock: Clock = { now: () => hands.wall_ms, monotonic: () => hands.monotonic_ms, after: () => () => {} };
  return { hands, log: new LogClock(clock) };
}

test('before the store has said the time, the machine is believed', () => {
  assert.equal(machine().log.now(), 1_000_000);
});

test('a clock within two seconds of the store is believed', () => {
  const { hands, log } = machine();
  log.observe(1_001_000);
  assert.equal(log.now(), 1_000_000);
  hands.wall_ms = 1_002_999;
  assert.equal(log.now(), 1_002_999);
});

test('a clock that jumps ahead moves log time by two seconds at most', () => {
  const { hands, log } = machine();
  log.observe(1_000_000);
  hands.wall_ms += 86_400_000;
  assert.equal(log.now(), 1_002_000);
  hands.monotonic_ms += 5_000;
  assert.equal(log.now(), 1_007_000);
});

test('a clock that jumps back holds log time up by two seconds at most', () => {
  const { hands, log } = machine();
  log.observe(1_000_000);
  hands.wall_ms -= 86_400_000;
  hands.monotonic_ms += 60_000;
  assert.equal(log.now(), 1_058_000);
});

test('log time is in whole milliseconds', () => {
  const { hands, log } = machine();
  log.observe(1_000_000);
  hands.wall_ms = 2_000_000;
  hands.monotonic_ms = 0.75;
  assert.equal(log.now(), 1_002_000);
});
