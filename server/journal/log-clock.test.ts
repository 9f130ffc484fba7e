import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Clock } from '../clock.ts';
import { SharedLogClock, SteadyLogClock } from './log-clock.ts';

/** A machine whose wall and monotonic clocks are set by the test. */
function machine() {
  const hands = { wall_ms: 1_000_000, monotonic_ms: 0 };
  const clock: Clock = { now: () => hands.wall_ms, monotonic: () => hands.monotonic_ms, after: () => () => {} };
  return { hands, log: new SharedLogClock(clock) };
}

test('before a response of the store the machine’s clock is used', () => {
  assert.equal(machine().log.now(), 1_000_000);
});

test('a clock within two seconds of the store is used', () => {
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

test('a clock that jumps back delays log time by two seconds at most', () => {
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

describe('alone on a store', () => {
  /** A machine with all clocks set by the test. */
  function lonelyMachine() {
    const hands = { wall_ms: 1_000_000, monotonic_ms: 0, suspended_ms: 0 };
    const clock: Clock = {
      now: () => hands.wall_ms,
      monotonic: () => hands.monotonic_ms,
      boottime: () => 50_000 + hands.monotonic_ms + hands.suspended_ms,
      after: () => () => {},
    };
    const notices: string[] = [];
    const pass = (length_ms: number) => {
      hands.wall_ms += length_ms;
      hands.monotonic_ms += length_ms;
    };
    const suspend = (length_ms: number) => {
      hands.wall_ms += length_ms;
      hands.suspended_ms += length_ms;
    };
    return { hands, notices, pass, suspend, log: new SteadyLogClock(clock, (notice) => notices.push(notice)) };
  }

  test('log time is the wall clock, also while it is adjusted gradually', () => {
    const { hands, log, pass, notices } = lonelyMachine();
    pass(5_000);
    assert.equal(log.now(), 1_005_000);
    for (let n = 0; n < 10; n++) {
      pass(1_000);
      hands.wall_ms -= 100;
      assert.equal(log.now(), hands.wall_ms);
    }
    assert.deepEqual([log.offset_ms, notices], [0, []]);
  });

  test('a step of the wall clock is not followed, is logged once, and ends when it is undone', () => {
    for (const step_ms of [3_600_000, -3_600_000, 315_576_000_000]) {
      const { hands, log, pass, notices } = lonelyMachine();
      hands.wall_ms += step_ms;
      assert.equal(log.now(), 1_000_000);
      pass(5_000);
      assert.deepEqual([log.now(), log.offset_ms], [1_005_000, -step_ms]);
      const way = step_ms > 0 ? 'forward' : 'back';
      assert.deepEqual(notices, [
        `this machine's clock was set ${way} by ${Math.abs(step_ms) / 1000} s; log time continues without the step`,
      ]);
      hands.wall_ms -= step_ms;
      assert.deepEqual([log.now(), log.offset_ms, notices.length], [1_005_000, 0, 2]);
    }
  });

  test('small steps are followed up to two seconds in all, and two more a day', () => {
    const { hands, log, pass, notices } = lonelyMachine();
    const start_ms = hands.wall_ms;
    for (let n = 0; n < 100; n++) {
      pass(1_000);
      hands.wall_ms += 900;
      log.now();
    }
    assert.equal(log.now() - start_ms, 100_000 + 1_800);
    assert.equal(notices.length, 98);
    pass(86_400_000);
    log.now();
    hands.wall_ms -= 1_500;
    assert.equal(log.now() - start_ms, 100_000 + 86_400_000 + 1_800 - 1_500);
  });

  test('time in which the machine was suspended counts', () => {
    const { log, suspend, pass, notices } = lonelyMachine();
    suspend(8 * 3_600_000);
    pass(1_000);
    assert.deepEqual([log.now(), log.offset_ms, notices], [1_000_000 + 8 * 3_600_000 + 1_000, 0, []]);
  });

  test('a start with a clock behind the journal continues from the journal, with elapsed time', () => {
    const { log, pass, notices } = lonelyMachine();
    log.startAt(900_000_000);
    pass(5_000);
    assert.deepEqual([log.now(), log.offset_ms], [900_005_000, 899_000_000]);
    assert.match(notices.join(), /clock is 899000 s behind the journal/);
  });

  test('a start with a clock ahead of the journal follows the clock', () => {
    const { log, notices } = lonelyMachine();
    log.startAt(5_000);
    assert.deepEqual([log.now(), notices], [1_000_000, []]);
  });

  test('after any steps and suspends log time has advanced by the elapsed time', () => {
    let seed = 7;
    const draw = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed / 2 ** 31;
    };
    for (let run = 0; run < 200; run++) {
      const { hands, log, pass, suspend } = lonelyMachine();
      let passed_ms = 0;
      let before = log.now();
      for (let n = 0; n < 50; n++) {
        const length_ms = Math.floor(draw() * 100_000);
        passed_ms += length_ms;
        if (draw() < 0.3) suspend(length_ms);
        else pass(length_ms);
        // Beyond the tolerance, up to ten years either way.
        if (draw() < 0.4)
          hands.wall_ms += Math.round((draw() < 0.5 ? -1 : 1) * (4_001 + draw() ** 8 * 315_576_000_000));
        assert.ok(log.now() >= before);
        before = log.now();
        assert.ok(Math.abs(before - 1_000_000 - passed_ms) <= 2_000, `${before - 1_000_000 - passed_ms} ms off`);
      }
    }
  });
});
