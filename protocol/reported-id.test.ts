import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isId } from './id-pattern.ts';
import { reportedId, shortId } from './reported-id.ts';

test('an id, and an integer, are their own name', () => {
  for (const id of ['job-1', 'a', '42', '3f2504e0-4f89-11d3-9a0c-0305e82c3301', 'Z9_'.padEnd(64, 'x')]) {
    assert.deepEqual(reportedId(id), { job_id: id });
  }
  assert.deepEqual(reportedId(42), { job_id: '42' });
  assert.deepEqual(reportedId(9_007_199_254_740_993n), { job_id: '9007199254740993' });
});

test('any other name gets an id that is readable and only its own', () => {
  const names = [
    'meeting.mp3',
    'meeting mp3',
    '/data/in/meeting.mp3',
    '-5',
    '🎧',
    '🎤',
    '会议.wav',
    'a'.repeat(500),
    ' a',
    'a\n',
  ];
  const ids = names.map((name) => {
    const named = reportedId(name);
    assert.equal(named?.reported_id, name);
    assert.ok(isId(named.job_id), named.job_id);
    assert.deepEqual(reportedId(named.job_id), { job_id: named.job_id });
    return named.job_id;
  });
  assert.equal(new Set(ids).size, names.length);
  assert.equal(ids[0], 'meeting-mp3-2598440853601137');
  assert.match(ids[4]!, /^job-[0-9a-f]{16}$/);
});

test('a lone surrogate is named as its replacement character, which every system can store', () => {
  assert.deepEqual(reportedId('a\ud800'), reportedId('a\ufffd'));
});

test('what names nothing is null', () => {
  for (const value of ['', '  ', null, undefined, true, 1.5, Number.NaN, {}, [], 'a'.repeat(1025)]) {
    assert.equal(reportedId(value), null);
  }
});

test('the cases that the Python reporter shares', () => {
  const cases = JSON.parse(readFileSync(new URL('reported-id.cases.json', import.meta.url), 'utf8')) as {
    name: unknown;
    job_id: string | null;
  }[];
  assert.deepEqual(
    cases.map(({ name }) => reportedId(name)?.job_id ?? null),
    cases.map(({ job_id }) => job_id),
  );
});

test('a short id has at most the characters it is given', () => {
  for (const name of ['x'.repeat(500), `${'x'.repeat(31)}. y`, '🎧'.repeat(60)]) {
    const id = shortId(name, 50);
    assert.ok(id.length <= 50 && isId(id), id);
  }
  assert.notEqual(shortId(`${'x'.repeat(60)}a`, 50), shortId(`${'x'.repeat(60)}b`, 50));
});
