/** The mark on the bar. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectedAt } from './expected.ts';

const JOB = {
  updated_at: '2026-11-27T11:00:00Z',
  expected_percentage: 40,
  expected_completion: { p50: '2026-11-27T11:10:00Z', p90: '2026-11-27T11:20:00Z' },
};
const at = (minutes: number) => Date.parse(JOB.updated_at) + minutes * 60_000;

test('the mark moves on from the last report to the expected end, and stays there', () => {
  assert.deepEqual(
    [-1, 0, 5, 10, 60].map((minutes) => expectedAt(JOB, at(minutes))),
    [40, 40, 70, 100, 100],
  );
});

test('a job whose end was expected before its last report should be done', () => {
  assert.equal(expectedAt({ ...JOB, updated_at: '2026-11-27T11:20:00Z', expected_percentage: 100 }, at(30)), 100);
});

test('where nothing is expected there is no mark', () => {
  assert.equal(expectedAt({ ...JOB, expected_percentage: null, expected_completion: null }, at(5)), null);
  assert.equal(expectedAt({ ...JOB, expected_completion: null }, at(5)), 40);
});
