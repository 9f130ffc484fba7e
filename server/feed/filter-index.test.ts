/** An index of filters finds the same followers as testing each filter, without testing each. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FeedFilter } from '../../protocol/feed.ts';
import type { JobRecord } from '../state-machine/state/records.ts';
import { FilterIndex, fits, type Seen } from './filter-index.ts';

const STATES = [undefined, 'QUEUED', 'PROCESSING'] as const;
const WORKERS = [undefined, 'worker-1', 'worker-2', '["x"]'];
const PRIORITIES = [undefined, 'high', 'low'] as const;
const TAGS = [undefined, 'a', 'b', 'a,b', '__proto__'];

const FILTERS = STATES.flatMap((state) =>
  WORKERS.flatMap((worker_id) =>
    PRIORITIES.flatMap((priority) =>
      TAGS.map((tag) => JSON.parse(JSON.stringify({ state, worker_id, priority, tag })) as FeedFilter),
    ),
  ),
);

const job = (worker_id: string | undefined, priority: 'high' | 'low', tags: string[]): JobRecord =>
  ({ run: worker_id === undefined ? null : { worker_id }, priority, tags }) as unknown as JobRecord;

const SEEN: Seen[] = [
  { state: 'QUEUED', job: job(undefined, 'high', []) },
  { state: 'PROCESSING', job: job('worker-1', 'low', ['b', 'a']) },
  { state: 'PROCESSING', job: job('["x"]', 'high', ['a,b', '__proto__']) },
  { state: 'FAILED', job: job('worker-2', 'low', ['c']) },
  { state: 'QUEUED', job: undefined },
  { state: undefined, job: job('worker-1', 'low', ['a']) },
];

test('the index returns exactly the followers whose filter matches, each once', () => {
  const index = new FilterIndex<FeedFilter>();
  for (const filter of FILTERS) index.add(filter, filter);
  for (const seen of SEEN) {
    const found = index.matching(seen).flatMap((set) => [...set]);
    assert.equal(new Set(found).size, found.length);
    assert.deepEqual(new Set(found), new Set(FILTERS.filter((filter) => fits(filter, seen))));
  }
});

test('none of thousands of filters that do not match is tested', () => {
  const index = new FilterIndex<number>();
  for (let n = 0; n < 5_000; n += 1) index.add({ worker_id: `w-${n}` }, n);
  assert.deepEqual(index.matching(SEEN[1]!), []);
  index.add({ worker_id: 'worker-1', tag: 'a' }, -1);
  assert.deepEqual(index.matching(SEEN[1]!), [new Set([-1])]);
});

test('a removed follower is no longer found, and nothing of it is kept', () => {
  const index = new FilterIndex<FeedFilter>();
  for (const filter of FILTERS) index.add(filter, filter);
  for (const filter of FILTERS) index.delete(filter, filter);
  assert.equal(index.size, 0);
});
