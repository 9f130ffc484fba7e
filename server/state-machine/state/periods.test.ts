/** Sums by minute, hour and day: what they count, how long they are kept, and what a range of them comes to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../protocol/time.ts';
import { countInPeriods, EMPTY_PERIOD, isOpenHour, sumPeriods } from './periods.ts';
import { State } from './state.ts';

const START_MS = 20_000 * DAY_MS;

function stateAt(at_ms: number, seq = 1): State {
  const state = new State();
  state.scalars.at_ms = at_ms;
  state.scalars.seq = seq;
  return state;
}

test('what happens counts in its minute, its hour and its day', () => {
  const state = stateAt(START_MS + 90 * MINUTE_MS);
  countInPeriods(state, { completed: 1, audio_ms: 600 });
  countInPeriods(state, { completed: 2, cost_usd: 0.5 });
  const expected = { ...EMPTY_PERIOD, version: 1, completed: 3, audio_ms: 600, cost_usd: 0.5 };
  const { minutes, hours, days } = state.tables;
  assert.deepEqual([...minutes.entries()], [[START_MS / MINUTE_MS + 90, expected]]);
  assert.deepEqual([...hours.entries()], [[START_MS / HOUR_MS + 1, expected]]);
  assert.deepEqual([...days.entries()], [[START_MS / DAY_MS, expected]]);
});

test('minutes of 25 hours, hours of 90 days and days of ten years are kept, exactly', () => {
  for (const [name, length_ms, kept] of [
    ['minutes', MINUTE_MS, 25 * 60],
    ['hours', HOUR_MS, 90 * 24],
    ['days', DAY_MS, 3653],
  ] as const) {
    const state = stateAt(START_MS);
    const count = () => countInPeriods(state, { submitted: 1 });
    const periods = () => [...state.tables[name].entries()].map(([period]) => period - START_MS / length_ms);
    count();
    state.scalars.at_ms = START_MS + length_ms;
    count();
    state.scalars.at_ms = START_MS + (kept - 1) * length_ms;
    count();
    assert.deepEqual(periods(), [0, 1, kept - 1], name);
    state.scalars.at_ms = START_MS + kept * length_ms;
    count();
    assert.deepEqual(periods(), [1, kept - 1, kept], name);
    state.scalars.at_ms = START_MS + 10 * kept * length_ms;
    count();
    assert.deepEqual(periods(), [10 * kept], name);
  }
});

test('a range is summed from its first to its last period, with the version of the newest', () => {
  const state = stateAt(START_MS);
  const first = START_MS / MINUTE_MS;
  for (let n = 0; n < 4; n += 1) {
    state.scalars.at_ms = START_MS + n * MINUTE_MS;
    state.scalars.seq = 10 + n;
    countInPeriods(state, { completed: 1, cost_usd: 10 ** n });
  }
  const { minutes } = state.tables;
  assert.deepEqual(sumPeriods(minutes, first + 1, first + 2), {
    ...EMPTY_PERIOD,
    version: 12,
    completed: 2,
    cost_usd: 110,
  });
  assert.deepEqual(sumPeriods(minutes, first + 4, first + 9), EMPTY_PERIOD);
});

test('an hour is open until log time reaches the next', () => {
  const state = stateAt(START_MS + HOUR_MS - 1);
  assert.equal(isOpenHour(state, START_MS), true);
  assert.equal(isOpenHour(state, START_MS - 1), false);
  assert.equal(isOpenHour(state, START_MS + HOUR_MS), false);
});
