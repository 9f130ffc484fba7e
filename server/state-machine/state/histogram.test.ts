import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomOf } from '../../../test/random.ts';
import { added, bucketOf, EMPTY, type Histogram, merged, quantile, scaled, valueIn, weightOf } from './histogram.ts';

const of = (values: readonly number[], buckets_max = 1_000): Histogram =>
  values.reduce((histogram: Histogram, value) => added(histogram, bucketOf(value), 1, buckets_max), EMPTY);

test('every value from 0.1 ms to three years is within 2 % of that of its bucket', () => {
  const next = randomOf(1);
  for (let i = 0; i < 2_000; i++) {
    const value = 10 ** (next() * 12 - 4);
    assert.ok(Math.abs(valueIn(bucketOf(value)) / value - 1) <= 0.0201, `${value}`);
  }
});

test('a quantile is within 2 % of that of the values themselves', () => {
  const next = randomOf(2);
  const values = Array.from({ length: 999 }, () => Math.exp(4 * next()));
  const sorted = values.toSorted((a, b) => a - b);
  for (const part of [0.05, 0.5, 0.95, 0.999]) {
    const exact = sorted[Math.ceil(part * sorted.length) - 1]!;
    assert.ok(Math.abs(quantile(of(values), part)! / exact - 1) <= 0.021, `${part}`);
  }
});

test('beyond the maximum of buckets the upper quantiles stay', () => {
  const next = randomOf(3);
  const values = Array.from({ length: 2_000 }, () => Math.exp(8 * next()));
  const bounded = of(values, 100);
  assert.ok(bounded.length <= 200);
  assert.equal(weightOf(bounded), 2_000);
  for (const part of [0.9, 0.95, 0.99]) assert.equal(quantile(bounded, part), quantile(of(values), part));
});

test('two that are merged have the values of both', () => {
  const [a, b] = [of([1, 2, 3, 4]), of([3, 5])];
  assert.deepEqual(merged(a, b, 1, 100), of([1, 2, 3, 3, 4, 5]));
  assert.deepEqual(merged(a, EMPTY, 1, 100), a);
  assert.deepEqual(merged(EMPTY, b, 2, 100), scaled(b, 2));
  assert.equal(quantile(EMPTY, 0.5), null);
});
