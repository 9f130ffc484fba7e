import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JobWhy } from '../../protocol/why.ts';
import { Monitor } from '../state-machine/testing.ts';
import { assertValid } from '../state-machine/testing-schemas.ts';
import { Forecast } from '../verdicts/forecast.ts';
import { whyDocument } from './why.ts';

function why(monitor: Monitor, job_id = 'job-1'): JobWhy {
  const { state, at_ms } = monitor;
  const job = monitor.job(job_id);
  const document = whyDocument(state, job, new Forecast(state, { passes_max: 50, at_ms }).of(state, job));
  assertValid(JobWhy, document);
  return document;
}

test('a waiting job says how many are before it, by class and place', () => {
  const monitor = new Monitor();
  monitor.register('worker-1');
  for (const [job_id, priority] of [
    ['a', 'normal'],
    ['b', 'low'],
    ['c', 'high'],
    ['d', 'normal'],
  ] as const) {
    monitor.submit(job_id, { priority });
  }
  assert.deepEqual(
    ['c', 'a', 'd', 'b'].map((job_id) => why(monitor, job_id).queue?.position),
    [1, 2, 3, 4],
  );
  assert.match(
    why(monitor, 'd').answer,
    /^2 jobs are before it in the queue, and 1 worker can take jobs, 1 of them idle\.$/,
  );
  assert.equal(why(monitor, 'c').remedy, null);
});

test('once the pace is known it says when the job will begin, and later ones begin later', () => {
  const monitor = new Monitor();
  for (let i = 0; i < 25; i++) {
    const lease = monitor.claimed(`done-${i}`, { duration_seconds: 60 });
    monitor.later(60_000).complete(lease);
  }
  monitor.claimed('running');
  for (let i = 0; i < 5; i++) monitor.submit(`job-${i}`);
  const starts = [0, 1, 2, 3, 4].map((i) => why(monitor, `job-${i}`).queue!.expected_start!);
  const minutes = starts.map(({ p50 }) => Math.round((Date.parse(p50) - monitor.at_ms) / 60_000));
  assert.deepEqual(minutes, [1, 2, 3, 4, 5]);
  for (const { p50, p90 } of starts) assert.ok(p90 > p50);
});

test('a retry, a failure, a cancellation and an end are explained, with the call that helps', () => {
  const monitor = new Monitor();
  monitor.fail(monitor.claimed('later'), { code: 'engine_crashed' });
  assert.match(why(monitor, 'later').answer, /^It waits until .* after attempt 1 failed with engine_crashed\.$/);
  monitor.fail(monitor.claimed('dead'), {
    code: 'gpu_unavailable',
    message: 'no GPU',
    fault: 'worker',
    retryable: false,
  });
  const dead = why(monitor, 'dead');
  assert.equal(dead.answer, 'Attempt 1 of 3 failed, the fault of the worker: gpu_unavailable: no GPU.');
  assert.deepEqual([dead.remedy?.method, dead.remedy?.path], ['POST', '/api/v1/jobs/dead/retry']);
  monitor.fail(monitor.claimed('audio'), { code: 'not_audio', retryable: false });
  assert.equal(why(monitor, 'audio').remedy, null, 'another attempt would fail, too');
  monitor.register('worker-2', 0.9);
  const lease = monitor.claimed('done', {}, 'worker-2');
  monitor.later(600_000);
  assert.match(why(monitor, 'done').cost, /^Its cost is known when the attempt ends/);
  monitor.complete(lease);
  assert.equal(why(monitor, 'done').answer, 'It waited 0 s and took 10 min on worker worker-2.');
  assert.equal(why(monitor, 'done').cost, 'It has cost $0.15: 10 min of worker time in 1 attempt.');
});

test('what is wrong with a job is the reason of its verdict', () => {
  const monitor = new Monitor();
  monitor.submit('job-1');
  monitor.later(20_000).tick();
  const { answer, verdict, remedy } = why(monitor);
  assert.equal(answer, 'No live worker can take it: none is alive.');
  assert.equal(verdict?.status, 'blocked');
  assert.equal(remedy?.path, '/api/v1/workers');
});
