/** A background duty: runs never overlap, a failure does not stop it, and a stop waits for the current run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JumpingClock } from '../../test/servers/jumping-clock.ts';
import { Duty } from './duty.ts';

/** A duty whose runs are ended by hand. `turn(n)` resolves when the n-th has started. */
function dutyByHand() {
  const clock = new JumpingClock();
  const turns: { began: PromiseWithResolvers<void>; end: PromiseWithResolvers<{ again_ms: number }> }[] = [];
  const at = (n: number) => {
    while (turns.length <= n) turns.push({ began: Promise.withResolvers(), end: Promise.withResolvers() });
    return turns[n]!;
  };
  const logged: string[] = [];
  let running = 0;
  let begun = 0;
  const duty = new Duty({
    name: 'sweeping',
    clock,
    failure_ms: 60_000,
    log: (_, message) => logged.push(message),
    async run() {
      assert.equal(running, 0, 'it overlaps itself');
      running += 1;
      const { began, end } = at(begun);
      begun += 1;
      began.resolve();
      return end.promise.finally(() => {
        running -= 1;
      });
    },
  });
  return {
    clock,
    duty,
    logged,
    turn: (n: number) => at(n).began.promise,
    end: (n: number) => at(n).end,
    count: () => begun,
  };
}

test('it runs at once, and again after the interval that each run returns', async () => {
  const { clock, duty, turn, end, count } = dutyByHand();
  duty.start();
  await turn(0);
  end(0).resolve({ again_ms: 3_600_000 });
  await new Promise((resolve) => setImmediate(resolve));
  clock.jump(3_599_000);
  assert.equal(count(), 1);
  clock.jump(1_000);
  await turn(1);
  end(1).resolve({ again_ms: 0 });
  await turn(2);
  end(2).resolve({ again_ms: 3_600_000 });
  await duty.stop();
});

test('a failure is logged with the duty’s name, and the next run takes place', async () => {
  const { clock, duty, logged, turn, end } = dutyByHand();
  duty.start();
  await turn(0);
  end(0).reject(new Error('no broom'));
  await new Promise((resolve) => setImmediate(resolve));
  clock.jump(60_000);
  await turn(1);
  assert.deepEqual(logged, ['sweeping: no broom']);
  end(1).resolve({ again_ms: 1 });
  await duty.stop();
});

test('stopping waits for the current run, and ends the wait for the next', async () => {
  const { duty, turn, end, count } = dutyByHand();
  duty.start();
  await turn(0);
  let stopped = false;
  const stop = duty.stop().then(() => {
    stopped = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(stopped, false);
  end(0).resolve({ again_ms: 0 });
  await stop;
  assert.equal(count(), 1);

  const other = dutyByHand();
  other.duty.start();
  await other.turn(0);
  other.end(0).resolve({ again_ms: 3_600_000 });
  await new Promise((resolve) => setImmediate(resolve));
  await other.duty.stop();
  assert.equal(other.count(), 1);
});

test('a failure of the run that a stop interrupts is not logged', async () => {
  const { duty, logged, turn, end } = dutyByHand();
  duty.start();
  await turn(0);
  const stop = duty.stop();
  end(0).reject(new Error('this instance is stopping'));
  await stop;
  assert.deepEqual(logged, []);
});

test('a duty that never started stops at once', async () => {
  await dutyByHand().duty.stop();
});

test('the message of a failure is logged, whether it is an Error or not', async () => {
  const { duty, logged, turn, end, clock } = dutyByHand();
  duty.start();
  await turn(0);
  end(0).reject('not an Error');
  await new Promise((resolve) => setImmediate(resolve));
  clock.jump(60_000);
  await turn(1);
  assert.deepEqual(logged, ['sweeping: not an Error']);
  const stopped = duty.stop();
  end(1).resolve({ again_ms: 0 });
  await stopped;
});
