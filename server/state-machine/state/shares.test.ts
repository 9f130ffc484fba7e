/** Shares stay bounded, whatever workers and models are called and however many there are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DAY_MS, HOUR_MS } from '../../../protocol/time.ts';
import { NAMES_MAX, REST, SHARES_KEPT, share, sharesOf } from './shares.ts';
import { restore, snapshotRows } from './snapshot.ts';
import { State } from './state.ts';

const START_MS = 20_000 * DAY_MS;
const hour = (at_ms: number) => Math.floor(at_ms / HOUR_MS);

function stateAt(at_ms: number): State {
  const state = new State();
  state.scalars.at_ms = at_ms;
  return state;
}

test('of thousands of workers the first are kept by name, and the rest in one share', () => {
  const state = stateAt(START_MS);
  for (let turn = 0; turn < 2; turn++) {
    for (let n = 0; n < 1200; n++) share(state, { worker_id: `w-${n}`, model: `m-${n}` }, { completed: 1 });
  }
  const period = hour(START_MS);
  for (const by of ['worker', 'model'] as const) {
    const found = sharesOf(state, { step: 'hour', by, first: period, end: period + 1 });
    assert.equal(found.length, NAMES_MAX[by] + 1);
    assert.equal(found.find(({ name }) => name === REST)?.share.completed, 2 * (1200 - NAMES_MAX[by]));
    assert.ok(found.filter(({ name }) => name !== REST).every(({ share: { completed } }) => completed === 2));
  }
});

test('names with separators, and a worker called other, are workers like any', () => {
  const state = stateAt(START_MS);
  const names = ['a|b', 'other', 'worker|', 'unknown'];
  for (const worker_id of names) share(state, { worker_id, model: null }, { completed: 1 });
  const period = hour(START_MS);
  const of = (by: 'worker' | 'model') => sharesOf(state, { step: 'hour', by, first: period, end: period + 1 });
  assert.deepEqual(
    of('worker').map(({ name }) => name),
    [...names].sort(),
  );
  assert.deepEqual(
    of('model').map(({ name, share: { completed } }) => [name, completed]),
    [['unknown', 4]],
  );
});

test('hours of two days and days of thirty are kept, and a snapshot has them', () => {
  const state = stateAt(START_MS);
  for (let n = 0; n < 40 * 24; n++) {
    state.scalars.at_ms = START_MS + n * HOUR_MS;
    share(state, { worker_id: 'w', model: 'm' }, { busy_ms: 1 });
  }
  const copy = restore(snapshotRows(state));
  const all = { first: 0, end: hour(state.at_ms) + 1, by: 'worker' } as const;
  assert.equal(sharesOf(copy, { ...all, step: 'hour' }).length, SHARES_KEPT.hour);
  const days = sharesOf(copy, { ...all, step: 'day' });
  assert.equal(days.length, SHARES_KEPT.day);
  assert.ok(days.every(({ share: { busy_ms } }) => busy_ms === 24));
});
