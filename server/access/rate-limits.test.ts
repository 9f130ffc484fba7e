import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TurnedClock } from '../testing-clock.ts';
import { limitHeaders, RateLimits } from './rate-limits.ts';

const LIMITED = { code: 'rate_limited', retry_after_seconds: 1 };

test('a burst passes, a flood does not, and a bucket fills again at its rate', () => {
  const clock = new TurnedClock('2026-01-01T00:00:00Z');
  const limits = new RateLimits(clock, { key: 10, address: 0 });
  for (let n = 0; n < 50; n++) assert.equal(limits.take('key', 'a')?.left, 49 - n);
  assert.throws(() => limits.take('key', 'a'), LIMITED);
  clock.leap(100);
  assert.equal(limits.take('key', 'a')?.left, 0);
  assert.throws(() => limits.take('key', 'a'), LIMITED);
  clock.leap(3_600_000);
  assert.equal(limits.take('key', 'a')?.left, 49);
});

test('what one key does costs another nothing, and a refused request costs nothing', () => {
  const clock = new TurnedClock('2026-01-01T00:00:00Z');
  const limits = new RateLimits(clock, { key: 1, address: 1 });
  for (let n = 0; n < 5; n++) limits.take('key', 'a');
  for (let n = 0; n < 1_000; n++) assert.throws(() => limits.take('key', 'a'), LIMITED);
  assert.equal(limits.take('key', 'b')?.left, 4);
  assert.equal(limits.take('address', 'a')?.left, 4);
  clock.leap(1_000);
  assert.equal(limits.take('key', 'a')?.left, 0);
});

test('without a limit nothing is counted', () => {
  const limits = new RateLimits(new TurnedClock('2026-01-01T00:00:00Z'), { key: 0, address: 0 });
  for (let n = 0; n < 10_000; n++) assert.equal(limits.take('key', 'a'), null);
});

test('headers name the quota, its window, and what is left', () => {
  assert.deepEqual(limitHeaders({ limit: 'key', per_second: 10, left: 7 }), {
    'ratelimit-policy': '"key";q=50;w=5',
    ratelimit: '"key";r=7;t=0',
  });
});
