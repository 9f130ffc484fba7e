import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatZone, offsetInZone, parseZone, takeZone, timeInZone } from './zone.ts';

const shown = (text: string, zone: string) =>
  new Date(timeInZone(Date.parse(`${text}Z`), parseZone(zone))).toISOString();

test('a zone is utc, local, an offset or an IANA name, and is written back as it was read', () => {
  for (const [text, zone] of [
    ['utc', 0],
    ['Z', 0],
    ['local', 'local'],
    ['+02:00', 120],
    ['-0330', -210],
    ['+5', 300],
    [' 0530', 330],
    ['UTC+1', 60],
    ['America/New_York', 'America/New_York'],
    ['europe/berlin', 'Europe/Berlin'],
  ] as const) {
    assert.equal(parseZone(text), zone, text);
    assert.equal(parseZone(formatZone(zone)), zone);
  }
  for (const text of ['', 'Mars/Base', '+25:00', '+02:75', '12', 'utc now']) {
    assert.throws(() => parseZone(text), /is not a zone: utc, local, an offset/, text);
  }
});

test('a time is the moment at which clocks of its zone show it', () => {
  assert.equal(shown('2026-01-15T12:00:00', 'America/New_York'), '2026-01-15T17:00:00.000Z');
  assert.equal(shown('2026-07-15T12:00:00.250', 'America/New_York'), '2026-07-15T16:00:00.250Z');
  assert.equal(shown('2026-07-15T12:00:00', 'Asia/Kolkata'), '2026-07-15T06:30:00.000Z');
  assert.equal(shown('2026-07-15T12:00:00', '+05:30'), '2026-07-15T06:30:00.000Z');
  assert.equal(shown('2026-07-15T00:10:00', 'Pacific/Kiritimati'), '2026-07-14T10:10:00.000Z');
});

test('an hour that clocks skip is after the change, and one that they show twice is the first', () => {
  assert.equal(shown('2026-03-08T01:59:59', 'America/New_York'), '2026-03-08T06:59:59.000Z');
  assert.equal(shown('2026-03-08T02:30:00', 'America/New_York'), '2026-03-08T07:30:00.000Z');
  assert.equal(shown('2026-03-08T03:00:00', 'America/New_York'), '2026-03-08T07:00:00.000Z');
  assert.equal(shown('2026-11-01T01:30:00', 'America/New_York'), '2026-11-01T05:30:00.000Z');
  assert.equal(shown('2026-11-01T02:00:00', 'America/New_York'), '2026-11-01T07:00:00.000Z');
  // By half an hour.
  assert.equal(shown('2026-10-04T02:15:00', 'Australia/Lord_Howe'), '2026-10-03T15:45:00.000Z');
});

test('a named zone agrees with this machine’s when that is the one', () => {
  const before = process.env.TZ;
  try {
    for (const name of ['America/New_York', 'Europe/Berlin', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'UTC']) {
      process.env.TZ = name;
      for (let at = Date.UTC(2025, 11, 1); at < Date.UTC(2027, 0, 1); at += 7 * 3_600_000 + 13 * 60_000) {
        assert.equal(timeInZone(at, name), timeInZone(at, 'local'), `${name} ${new Date(at).toISOString()}`);
        assert.equal(offsetInZone(at, name), offsetInZone(at, 'local'));
      }
    }
  } finally {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  }
});

test('any time in any zone is a number', () => {
  for (const at of [-8.64e15, 8.64e15, -62_167_219_200_000, 253_402_300_799_999, 0]) {
    for (const zone of ['America/New_York', 'Asia/Kolkata', '+15:00']) {
      assert.equal(typeof timeInZone(at, parseZone(zone)), 'number');
    }
  }
});

test('the zone of a URL is taken out of it', () => {
  for (const [url, rest, zone] of [
    ['log:/a.log?zone=America/New_York', 'log:/a.log', 'America/New_York'],
    ['log:?zone=local&format=plain', 'log:?format=plain', 'local'],
    ['postgres://u@h/db?sslmode=no&zone=+05:30', 'postgres://u@h/db?sslmode=no', 330],
    ['mysql://h/db?zone=%2B05%3A30&a=b', 'mysql://h/db?a=b', 330],
    ['log:/a.log?timezone=UTC', 'log:/a.log?timezone=UTC', null],
  ] as const) {
    assert.deepEqual(takeZone(url), { url: rest, zone }, url);
  }
  assert.throws(() => takeZone('log:/a.log?zone=Mars'), /"Mars" is not a zone/);
});
