import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventWords, filtersOf, queryOf, whoOf } from './audit-query.ts';

test('the filters of the URL become a query, and what makes no sense is left out', () => {
  const filters = filtersOf(new URLSearchParams('actor=key:a&entity=&within=24h&nothing=1'));
  assert.deepEqual(filters, { actor: 'key:a', within: '24h' });
  const query = queryOf(filters, Date.parse('2027-01-31T12:00:00Z'));
  assert.deepEqual(query, { actor: 'key:a', after: '2027-01-30T12:00:00.000Z' });
  assert.deepEqual(filtersOf(new URLSearchParams('within=forever')), {});
});

test('who did it is a name where there is one', () => {
  assert.equal(whoOf({ actor: 'key:4tIcYbYQGSA', key_name: 'web shop' }), 'web shop');
  assert.equal(whoOf({ actor: 'key:4tIcYbYQGSA', key_name: null }), 'key:4tIcYbYQGSA');
  assert.equal(whoOf({ actor: 'user:ada@example.com', key_name: null }), 'ada@example.com');
  assert.equal(eventWords('JobCancelRequested'), 'job cancel requested');
});
