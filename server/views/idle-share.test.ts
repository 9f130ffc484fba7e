import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../clock.ts';
import { idleShare } from './idle-share.ts';

/** Samples often enough for a fresh value while `work` is done in every turn of 20 ms. */
async function shareDuring(work: (until_ms: number) => void): Promise<number> {
  const idle = idleShare(systemClock);
  let share = 0;
  for (let turn = 0; turn < 40; turn++) {
    work(performance.now() + 20);
    await sleep(1);
    share = idle();
  }
  return share;
}

test('a busy event loop has less idle time than an idle one', async () => {
  const busy = await shareDuring((until_ms) => {
    while (performance.now() < until_ms);
  });
  const idle = idleShare(systemClock);
  let rest = 0;
  for (let turn = 0; turn < 40; turn++) {
    await sleep(20);
    rest = idle();
  }
  assert.ok(busy < rest, `${busy} of the time was left with work, ${rest} without`);
  assert.ok(busy >= 0 && rest <= 1);
});

test('after a pause the idle share is 0', async () => {
  const idle = idleShare(systemClock);
  await sleep(600);
  assert.equal(idle(), 0);
});
