/** Suggestions for mistyped names. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestNames } from './nearest.ts';

const KNOWN = ['state', 'started_at', 'cost', 'cost_usd', 'processing_time', 'processing_time_seconds'];

test('the nearest names are suggested, the nearest first', () => {
  assert.deepEqual(nearestNames('procesing_tme', KNOWN), ['processing_time']);
  assert.deepEqual(nearestNames('cost_us', KNOWN), ['cost_usd']);
  assert.deepEqual(nearestNames('COST', KNOWN), ['cost']);
  assert.deepEqual(nearestNames('started', ['started_x', 'start', 'starte', 'started_at']), [
    'starte',
    'started_x',
    'start',
  ]);
});

test('no name is suggested that is far away', () => {
  assert.deepEqual(nearestNames('completely_different', KNOWN), []);
  assert.deepEqual(nearestNames('x'.repeat(10_000), KNOWN), []);
  assert.deepEqual(nearestNames('', KNOWN), []);
});
