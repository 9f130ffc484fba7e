import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JobSubmission } from '../../../protocol/job.ts';
import type { JobFilter } from '../../../protocol/queue.ts';
import { formatTime, MINUTE_MS, SECOND_MS } from '../../../protocol/time.ts';
import { Monitor } from '../testing.ts';
import { selectJobs } from './queues.ts';

/** Four different dead letters, a minute apart. */
function deadLetters(): Monitor {
  const monitor = new Monitor();
  const jobs: [string, Partial<JobSubmission>, string, string][] = [
    ['a', { priority: 'high', tags: ['night'] }, 'audio_unreadable', 'worker-1'],
    ['b', { priority: 'low', tags: ['night', 'press'] }, 'crashed', 'worker-2'],
    ['c', { metadata: { client: 'Ärzteblatt' } }, 'audio_unreadable', 'worker-2'],
    ['d', {}, 'crashed', 'worker-1'],
  ];
  for (const [job_id, submission, code, worker_id] of jobs) {
    const lease = monitor.claimed(job_id, submission, worker_id);
    monitor.fail(lease, { code, message: `so it ${code}`, retryable: false });
    monitor.later(MINUTE_MS);
  }
  return monitor;
}

const at = (monitor: Monitor, job_id: string) => formatTime(monitor.job(job_id).created_ms);
const select = (monitor: Monitor, filter: JobFilter) =>
  selectJobs(monitor.state, { type: 'redrive', filter }).map(({ job_id }) => job_id);

describe('a filter selects the jobs that match all of its criteria, oldest first:', () => {
  const monitor = deadLetters();
  const cases: [string, JobFilter, string[]][] = [
    ['no criteria', {}, ['a', 'b', 'c', 'd']],
    ['a tag', { tag: 'night' }, ['a', 'b']],
    ['a priority', { priority: 'normal' }, ['c', 'd']],
    ['an error', { error_code: 'audio_unreadable' }, ['a', 'c']],
    ['a worker', { worker_id: 'worker-2' }, ['b', 'c']],
    ['ids', { job_ids: ['d', 'a', 'x'] }, ['a', 'd']],
    ['text in the metadata', { q: 'ärzteBLATT' }, ['c']],
    ['text in the error', { q: 'It CRASHED' }, ['b', 'd']],
    ['text in the path', { q: 'audio/b' }, ['b']],
    ['at or after', { created_after: at(monitor, 'c') }, ['c', 'd']],
    ['before', { created_before: at(monitor, 'c') }, ['a', 'b']],
    ['two things', { tag: 'night', error_code: 'crashed' }, ['b']],
    ['criteria that no job matches together', { tag: 'press', worker_id: 'worker-1' }, []],
  ];
  for (const [name, filter, expected] of cases) {
    test(name, () => assert.deepEqual(select(monitor, filter), expected));
  }
});

test('a redrive returns exactly the selected jobs to the end of the queue, with their attempts reset', () => {
  const monitor = deadLetters();
  const selected = select(monitor, { tag: 'night' });
  const { events } = monitor.run({ type: 'redrive', filter: { tag: 'night' } });
  assert.deepEqual(
    events.map(({ entity }) => entity),
    selected,
  );
  for (const job_id of selected) {
    const { state, attempt, dead, completed_ms } = monitor.job(job_id);
    assert.deepEqual([state, attempt, dead, completed_ms], ['QUEUED', 1, null, null]);
  }
  assert.deepEqual(select(monitor, {}), ['c', 'd']);
  assert.deepEqual(
    monitor.claim('worker-1', 5).map(({ job_id }) => job_id),
    ['a', 'b'],
  );
});

test('dead letters are found by their priority until they leave', () => {
  const monitor = deadLetters();
  const dead = () =>
    (['high', 'normal', 'low'] as const).map((name) => [...monitor.state.tables.dead_by_priority[name].values()]);
  assert.deepEqual(dead(), [['a'], ['c', 'd'], ['b']]);
  monitor.run({ type: 'purge_queue', queue: 'dlq', filter: { job_ids: ['c'] } });
  monitor.run({ type: 'redrive', filter: { job_ids: ['a', 'b'] } });
  assert.deepEqual(dead(), [[], ['d'], []]);
  assert.deepEqual([...monitor.state.tables.dead.values()], ['d']);
});

test('jobs that are named are taken once each, in the order of their queue', () => {
  const monitor = deadLetters();
  monitor.run({ type: 'retry_job', job_id: 'a' });
  const [lease] = monitor.claim('worker-1');
  monitor.fail(lease!, { retryable: false });
  const named = ['c', 'a', 'nobody', 'b', 'a'];
  assert.deepEqual(select(monitor, { job_ids: named }), ['b', 'c', 'a'], 'a died last');
  for (const job_id of ['w2', 'w1']) monitor.submit(job_id);
  const waiting = selectJobs(monitor.state, {
    type: 'purge_queue',
    queue: 'main',
    filter: { job_ids: ['w1', 'a', 'w2'] },
  });
  assert.deepEqual(
    waiting.map(({ job_id }) => job_id),
    ['w2', 'w1'],
  );
});

test('a job that is redriven without end keeps the first two entries of its history and the last ones', () => {
  const monitor = new Monitor();
  monitor.register('worker-1');
  monitor.submit('job-1');
  const details: string[] = [];
  for (let n = 0; n < 60; n += 1) {
    const [lease] = monitor.later(SECOND_MS).claim('worker-1');
    monitor.fail(lease!, { message: `failure ${n}`, retryable: false });
    monitor.run({ type: 'redrive', filter: {} });
    details.push(
      ...monitor
        .job()
        .history.slice(-3)
        .map(({ state, at_ms }) => `${state} ${at_ms}`),
    );
    const history = monitor.job().history.map(({ state, at_ms }) => `${state} ${at_ms}`);
    assert.deepEqual(
      monitor
        .job()
        .history.slice(0, 2)
        .map(({ state }) => state),
      ['SUBMITTED', 'QUEUED'],
    );
    const last = history.slice(2);
    assert.deepEqual(last, details.slice(-last.length), 'no entry is left out of the middle');
    assert.ok(history.length <= 64 && history.length >= Math.min(63, 2 + details.length), `${history.length}`);
  }
});

test('purging the dead-letter queue drops the jobs from it; they stay FAILED', () => {
  const monitor = deadLetters();
  monitor.run({ type: 'purge_queue', queue: 'dlq', filter: { error_code: 'crashed' } });
  assert.deepEqual(select(monitor, {}), ['a', 'c']);
  assert.equal(monitor.job('b').state, 'FAILED');
  assert.equal(monitor.run({ type: 'retry_job', job_id: 'b' }).refusal, undefined);
});

test('purging the main queue cancels waiting jobs, delayed retries too, but no running job', () => {
  const monitor = new Monitor();
  monitor.claimed('running');
  monitor.fail(monitor.claimed('delayed'));
  monitor.submit('waiting');
  monitor.submit('kept', { priority: 'high' });
  monitor.run({ type: 'purge_queue', queue: 'main', filter: { priority: 'normal' } });
  assert.deepEqual(
    ['running', 'delayed', 'waiting', 'kept'].map((job_id) => monitor.job(job_id).state),
    ['PROCESSING', 'CANCELLED', 'CANCELLED', 'QUEUED'],
  );
  monitor.later(10 * SECOND_MS);
  assert.deepEqual(monitor.tick().events, []);
});
