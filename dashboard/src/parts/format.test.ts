/** Figures as text. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { briefDuration, bytes, count, duration, factor, percent, place, shortCount, usd } from './format.ts';

test('a duration has its two greatest units', () => {
  const of = (seconds: number) => duration(seconds);
  assert.deepEqual([0, 0.2, 2.5, 41, 60, 190, 3599.6].map(of), [
    '0 s',
    '< 1 s',
    '2.5 s',
    '41 s',
    '1 m',
    '3 m 10 s',
    '1 h',
  ]);
  assert.deepEqual([4860, 86_400, 187_200].map(of), ['1 h 21 m', '1 d', '2 d 4 h']);
});

test('an age has its greatest unit, and is never negative', () => {
  assert.deepEqual([-3, 59.9, 60, 3599, 7200, 172_799, 172_800].map(briefDuration), [
    '0 s',
    '59 s',
    '1 m',
    '59 m',
    '2 h',
    '47 h',
    '2 d',
  ]);
});

test('a small price keeps figures that count', () => {
  assert.deepEqual([0, 0.00001, 0.00069, 0.0834, 0.5, 21.1, 1234.5].map(usd), [
    '$0',
    '< $0.0001',
    '$0.00069',
    '$0.0834',
    '$0.5',
    '$21.10',
    '$1,235',
  ]);
});

test('what is not known is a dash', () => {
  assert.deepEqual(
    [duration(null), briefDuration(null), percent(null), usd(null), bytes(null), factor(null)],
    Array(6).fill('–'),
  );
});

test('counts, shares, sizes and places in a recording', () => {
  assert.deepEqual(
    [count(48_213), shortCount(9_999), shortCount(12_400), shortCount(2_000_000)],
    ['48,213', '9,999', '12.4k', '2M'],
  );
  assert.deepEqual([percent(44.6), percent(98.44, 1), factor(3.14), factor(240)], ['45 %', '98.4 %', '3.1 ×', '240 ×']);
  assert.deepEqual([bytes(999), bytes(75_000_000), bytes(2.5e9)], ['999 B', '75.0 MB', '2.5 GB']);
  assert.deepEqual([place(760.9), place(4864)], ['12:40', '1:21:04']);
});
