import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_LIMITS } from '../limits/limit-words.ts';
import { limitOf, stateOf } from './key-words.ts';

const NOW_MS = Date.parse('2027-01-31T12:00:00Z');

test('a key that was revoked or has expired no longer counts', () => {
  const word = (revoked_at: string | null, expires_at: string | null) =>
    stateOf({ revoked_at, expires_at }, NOW_MS).word;
  assert.equal(word(null, null), 'valid');
  assert.equal(word(null, '2027-01-31T12:00:01Z'), 'valid');
  assert.equal(word(null, '2027-01-31T12:00:00Z'), 'expired');
  assert.equal(word('2027-01-30T12:00:00Z', '2027-02-28T12:00:00Z'), 'revoked');
});

test('the limits of a key are its tenant, its worker, its tags, and how much it may submit', () => {
  const key = { tenant: null, worker_id: null, tags: null, ...NO_LIMITS };
  assert.equal(limitOf(key), '');
  assert.equal(limitOf({ ...key, tenant: 'acme', worker_id: 'acme_1' }), 'acme, only acme_1');
  assert.equal(limitOf({ ...key, tags: ['shop', 'web'], jobs_per_day: 500 }), 'tags shop, web, 500 jobs a day');
});
