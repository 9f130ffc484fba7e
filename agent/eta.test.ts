import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Eta } from './eta.ts';

test('the time left is unknown before the first chunk', () => {
  const eta = new Eta(0);
  assert.equal(eta.seconds(1000), null);
  eta.note(0, 500);
  assert.equal(eta.seconds(1000), null);
});

test('at a steady pace the time left is proportional, and counts down between chunks', () => {
  const eta = new Eta(0);
  eta.note(10, 10_000);
  eta.note(20, 20_000);
  assert.equal(eta.seconds(20_000), 80);
  assert.equal(eta.seconds(25_000), 75);
});

test('a changed pace counts after a few chunks, whatever the mean since the start', () => {
  const eta = new Eta(0);
  for (let chunk = 1; chunk <= 10; chunk += 1) eta.note(chunk * 5, chunk * 60_000);
  for (let chunk = 1; chunk <= 6; chunk += 1) eta.note(50 + chunk * 5, 600_000 + chunk * 6_000);
  assert.equal(eta.seconds(636_000), 24, 'four chunks of 6 s, not of 60 s');
});

test('the time left is never negative, and a step back is not a chunk', () => {
  const eta = new Eta(0);
  eta.note(50, 1000);
  eta.note(40, 2000);
  assert.equal(eta.seconds(1000), 1);
  assert.equal(eta.seconds(60_000), 0);
});
