/** Times of filters. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTime } from './times.ts';

const us = (iso: string): number => Date.parse(iso) * 1000;

test('a time is read to the microsecond, with its offset', () => {
  const times: Record<string, number> = {
    '2026-01-31': us('2026-01-31T00:00:00Z'),
    '2026-01-31T12:30': us('2026-01-31T12:30:00Z'),
    '2026-01-31 12:30:15': us('2026-01-31T12:30:15Z'),
    '2026-01-31t12:30:15z': us('2026-01-31T12:30:15Z'),
    '2026-01-31T12:30:15.5Z': us('2026-01-31T12:30:15.500Z'),
    '2026-01-31T12:30:15.123456Z': us('2026-01-31T12:30:15.123Z') + 456,
    '2026-01-31T12:30:15.123456789Z': us('2026-01-31T12:30:15.123Z') + 456,
    '2026-01-31T12:30:15+02:00': us('2026-01-31T10:30:15Z'),
    '2026-01-31 12:30:15 -0530': us('2026-01-31T18:00:15Z'),
    '2026-01-31T00:30+01': us('2026-01-30T23:30:00Z'),
    '2024-02-29': us('2024-02-29T00:00:00Z'),
    '0001-01-01': us('0001-01-01T00:00:00Z'),
    '1969-12-31T23:59:59.5': -500_000,
  };
  for (const [text, expected] of Object.entries(times)) assert.equal(parseTime(text), expected, text);
});

test('what is no time, or a day that does not exist, is none', () => {
  const texts = [
    '2025-02-29',
    '2026-00-10',
    '2026-04-31',
    '2026-01-31T24:00',
    '2026-01-31T12:60',
    '2026-01-31T12:00:60',
    '2026-01-31Z',
    '2026-01',
    '1.1.2026',
    '2026-01-31T12:00+19:00',
    '2026-01-31T12:00+01:60',
    ' 2026-01-31',
    '2026-01-31\n',
  ];
  for (const text of texts) assert.equal(parseTime(text), undefined, text);
});
