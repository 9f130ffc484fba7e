import assert from 'node:assert/strict';
import { test } from 'node:test';
import { followPresence } from './presence.ts';

test('a sign of somebody is reported at most once a minute', () => {
  const target = new EventTarget();
  let now_ms = 0;
  const reported: number[] = [];
  const leave = followPresence(
    target,
    () => reported.push(now_ms),
    () => now_ms,
  );
  const signs = ['pointerdown', 'keydown', 'wheel', 'touchmove', 'pointermove'];
  for (now_ms = 0; now_ms < 180_000; now_ms += 10_000) {
    target.dispatchEvent(new Event(signs[(now_ms / 10_000) % signs.length]!));
  }
  assert.deepEqual(reported, [60_000, 120_000]);
  leave();
  now_ms = 600_000;
  target.dispatchEvent(new Event('keydown'));
  assert.equal(reported.length, 2);
});
