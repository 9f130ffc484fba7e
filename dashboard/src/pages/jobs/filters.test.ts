/** Filters: the URL, the query, and whether a job matches. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jobOf } from '../../testing.ts';
import {
  type FilterName,
  type Filters,
  filtersOf,
  matches,
  problemOf,
  queryOf,
  timeOf,
  withFilter,
  withinMs,
} from './filters.ts';

const NOW = Date.parse('2026-11-27T12:00:00Z');

test('filters come back from the URL that they are written to', () => {
  const filters: Filters = {
    state: 'FAILED',
    priority: 'high',
    worker: 'gpu-1',
    tag: 'ümläut & more',
    error: 'not_audio',
    within: '6h',
    suspect: 'no',
    q: 'a=b&c',
  };
  let params = new URLSearchParams('range=7d');
  for (const [name, value] of Object.entries(filters)) params = withFilter(params, name as FilterName, value);
  assert.deepEqual(filtersOf(new URLSearchParams(params.toString())), filters);
  assert.equal(params.get('range'), '7d');
  assert.equal(filtersOf(withFilter(params, 'q', null)).q, undefined);
});

test('what a URL has that cannot be used is left out', () => {
  const params = new URLSearchParams(
    'state=BROKEN&verdict=fine&priority=urgent&within=long&after=yesterday&q=&tag=%20',
  );
  assert.deepEqual(filtersOf(params), {});
  assert.equal(problemOf('q', 'x'.repeat(201)), '1 to 200 characters');
});

test('a query has the names of the API, and one range for all its pages', () => {
  assert.deepEqual(queryOf({ worker: 'gpu-1', error: 'not_audio', suspect: 'yes', within: '6h', model: 'tiny' }, NOW), {
    worker_id: 'gpu-1',
    error_code: 'not_audio',
    suspect: true,
    model: 'tiny',
    created_after: '2026-11-27T06:00:00.000Z',
  });
});

test('spans of time and moments are read as people write them', () => {
  assert.deepEqual(['30m', '6 h', '7d', '0h', '6', 'h', '1w'].map(withinMs), [
    1_800_000,
    21_600_000,
    604_800_000,
    null,
    null,
    null,
    null,
  ]);
  assert.equal(timeOf('2026-11-03T18:00:00Z'), '2026-11-03T18:00:00.000Z');
  assert.equal(timeOf('2026-11-03 18:00'), new Date('2026-11-03T18:00').toISOString());
  assert.deepEqual([timeOf('18:00'), timeOf('2026-13-45')], [null, null]);
});

test('a job matches if every filter does', () => {
  const job = jobOf({ tags: ['court'], metadata: { case: 'A-18' } });
  const model = () => 'large-v3';
  const is = (filters: Filters) => matches(job, queryOf(filters, NOW), model);
  assert.ok(is({ state: 'PROCESSING', worker: 'gpu-1', tag: 'court', model: 'large-v3', within: '6h', q: 'a-18' }));
  for (const filters of [
    { state: 'FAILED' },
    { verdict: 'hung' },
    { worker: 'gpu-2' },
    { tag: 'cour' },
    { model: 'tiny' },
    { within: '30m' },
    { q: 'two.mp3' },
    { error: 'not_audio' },
  ] as Filters[]) {
    assert.ok(!is(filters), JSON.stringify(filters));
  }
});

test('a job of a worker whose model is not known is not excluded by the model', () => {
  assert.ok(matches(jobOf(), { model: 'tiny' }, () => undefined));
});
