/** The order of waiting jobs, and dead letters by their errors. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job } from '../../../../protocol/job.ts';
import { byError, inOrder, queuedAt } from './waiting-order.ts';

const job = (job_id: string, changes: object = {}): Job =>
  ({
    job_id,
    priority: 'normal',
    created_at: '2026-11-27T10:00:00Z',
    state_history: [],
    retry_info: { next_attempt_at: null, last_error: null },
    ...changes,
  }) as unknown as Job;

test('jobs begin by priority, then by age; those that wait out a delay come last, the next one first', () => {
  const retry = (at: string) => ({ retry_info: { next_attempt_at: at, last_error: null } });
  const jobs = [
    job('later', { created_at: '2026-11-27T10:05:00Z' }),
    job('delayed-long', retry('2026-11-27T12:00:00Z')),
    job('low', { priority: 'low' }),
    job('delayed', { ...retry('2026-11-27T11:31:00Z'), priority: 'high' }),
    job('high', { priority: 'high', created_at: '2026-11-27T11:00:00Z' }),
    job('early', retry('2026-11-27T11:00:00Z')),
  ];
  const order = inOrder(jobs, Date.parse('2026-11-27T11:30:00Z')).map(({ job_id }) => job_id);
  assert.deepEqual(order, ['high', 'early', 'later', 'low', 'delayed', 'delayed-long']);
});

test('a job waits since it was last queued', () => {
  const at = (state: string, timestamp: string) => ({ state, timestamp, details: '' });
  const history = [at('QUEUED', '10:00'), at('PROCESSING', '10:05'), at('QUEUED', '10:10')];
  assert.equal(queuedAt({ state_history: history as never, created_at: '10:00' }), '10:10');
  assert.equal(queuedAt({ state_history: [], created_at: '10:00' }), '10:00');
});

test('dead letters are grouped by the code of their last error, the most frequent first', () => {
  const failed = (id: string, code: string) =>
    job(id, { retry_info: { next_attempt_at: null, last_error: { code, message: `of ${id}` } } });
  const groups = byError([failed('a', 'audio_empty'), failed('b', 'not_audio'), failed('c', 'not_audio')]);
  assert.deepEqual(
    groups.map(({ code, jobs, message }) => [code, jobs.length, message]),
    [
      ['not_audio', 2, 'of b'],
      ['audio_empty', 1, 'of a'],
    ],
  );
});
