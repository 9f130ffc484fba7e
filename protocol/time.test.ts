import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTime, parseTime } from './time.ts';

const FIRST_MS = Date.parse('0000-01-01T00:00:00Z');
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const inRange = (time_ms: number) => Math.max(FIRST_MS, Math.min(LAST_MS, time_ms));

/** The platform's own conversion. */
const byDate = {
  format: (time_ms: number) => new Date(inRange(time_ms)).toISOString().replace('.000Z', 'Z'),
  parse: (text: string) => Date.parse(text),
};

const EDGES_MS = [
  0,
  -1,
  1,
  999,
  86_399_999,
  86_400_000,
  -86_400_000,
  Date.UTC(2024, 1, 29, 23, 59, 59, 999),
  Date.UTC(2025, 6, 7, 19, 30),
  Date.UTC(9999, 11, 31, 23, 59, 59, 999),
  Date.UTC(10_000, 0, 1),
  8.64e15,
  -8.64e15,
];

test('a time is written and read as the platform does it, whatever the previous day', () => {
  const times = [...EDGES_MS];
  for (let round = 0; round < 20_000; round += 1) {
    const near = EDGES_MS[round % EDGES_MS.length]!;
    times.push(Math.max(-8.64e15, Math.min(8.64e15, near + (((round * 2_654_435_761) % 200_000_000) - 100_000_000))));
  }
  for (const time_ms of times) {
    const text = formatTime(time_ms);
    assert.equal(text, byDate.format(time_ms));
    assert.equal(parseTime(text), inRange(time_ms), text);
    assert.equal(formatTime(time_ms), text);
  }
});

test('any number is written as a time: beyond the years 0000 to 9999 as the nearest in them, NaN as 1970', () => {
  for (const [number, text] of [
    [Number.NaN, '1970-01-01T00:00:00Z'],
    [Number.POSITIVE_INFINITY, '9999-12-31T23:59:59.999Z'],
    [Number.NEGATIVE_INFINITY, '0000-01-01T00:00:00Z'],
    [1e300, '9999-12-31T23:59:59.999Z'],
    [FIRST_MS - 0.5, '0000-01-01T00:00:00Z'],
  ] as const) {
    assert.equal(formatTime(number), text);
  }
});

test('fractions of a millisecond are dropped', () => {
  assert.equal(formatTime(Date.UTC(2025, 6, 7) + 1.75), '2025-07-07T00:00:00.001Z');
  assert.equal(formatTime(Date.UTC(2025, 6, 7) + 0.75), '2025-07-07T00:00:00Z');
  assert.equal(formatTime(-0.5), '1970-01-01T00:00:00Z');
});

test('a text that is not an RFC 3339 time with a zone is refused, even if its day is cached', () => {
  assert.equal(parseTime('2025-07-07T19:30:00Z'), Date.UTC(2025, 6, 7, 19, 30));
  const clocks = [
    '24:00:00Z',
    '19:60:00Z',
    '19:30:61Z',
    '19:30:00',
    '19:30Z',
    '19-30:00Z',
    '19:30:0aZ',
    '1a:30:00Z',
    '19:30:00,250Z',
    '19:30:00.Z',
    '19:30:00.2a0Z',
    '19:30:00ZZ',
    ' 19:30:00Z',
  ];
  for (const clock of clocks) {
    const text = `2025-07-07T${clock}`;
    const known = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/.test(text) ? byDate.parse(text) : Number.NaN;
    assert.equal(parseTime(text), known, text);
  }
  for (const text of ['', '2025-07-07', '2025-13-07T19:30:00Z', '2025-07-07 19:30:00Z'])
    assert.equal(parseTime(text), Number.NaN);
});

test('other spellings of a time are read as well', () => {
  const expected = Date.UTC(2025, 6, 7, 19, 30, 0, 250);
  for (const clock of ['19:30:00.25Z', '19:30:00.250Z', '19:30:00.2500z', '21:30:00.250+02:00', '19:30:00.250+00:00']) {
    assert.equal(parseTime(`2025-07-07T${clock}`), expected, clock);
    assert.equal(parseTime(`2025-07-07t${clock}`), expected, clock);
  }
});
