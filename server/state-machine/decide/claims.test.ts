/** Which worker gets a job whose attempt failed. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MINUTE_MS, SECOND_MS } from '../../../protocol/time.ts';
import { Monitor } from '../testing.ts';

const GONE = { code: 'gpu_unavailable', message: 'no CUDA-capable device is detected' };

/** Workers a and b; a has failed job-1, whose retry may be claimed now. */
function failedBy(error: object = {}): Monitor {
  const monitor = new Monitor({ retry_base_ms: 0 });
  monitor.register('b');
  monitor.fail(monitor.claimed('job-1', { max_attempts: 20 }, 'a'), error);
  monitor.tick();
  return monitor;
}
const claimed = (monitor: Monitor, worker_id: string, max_jobs = 1) =>
  monitor.claim(worker_id, max_jobs).map(({ job_id }) => job_id);

describe('a job whose attempt failed', () => {
  test('goes to a worker that has not failed it, whatever the error was', () => {
    for (const error of [{}, GONE, { code: 'audio_unreachable' }]) {
      const monitor = failedBy(error);
      assert.deepEqual(claimed(monitor, 'a'), []);
      assert.deepEqual(claimed(monitor, 'b'), ['job-1']);
    }
  });

  test('goes to another worker after the lease of the first has expired', () => {
    const monitor = new Monitor();
    monitor.register('b');
    monitor.claimed('job-1', {}, 'a');
    monitor.later(MINUTE_MS).beat('a');
    monitor.beat('b');
    monitor.tick();
    assert.deepEqual(claimed(monitor, 'a'), []);
    assert.deepEqual(claimed(monitor, 'b'), ['job-1']);
  });

  test('goes to the same worker if no other can be counted on', () => {
    const deeds: Record<string, (monitor: Monitor) => void> = {
      'there is none': (monitor) => monitor.run({ type: 'terminate_worker', worker_id: 'b', reason: 'enough' }),
      'it drains': (monitor) => monitor.run({ type: 'drain_worker', worker_id: 'b' }),
      'it is silent': (monitor) => {
        monitor.later(30 * SECOND_MS).tick();
        monitor.later(60 * SECOND_MS).beat('a');
        monitor.tick();
      },
      'it says that it takes none': (monitor) =>
        monitor.beat('b', [], { status: 'DEGRADED', reason: 'its engine is broken' }),
      'it has failed the job, too': (monitor) => {
        monitor.fail(monitor.claim('b')[0]!);
        monitor.tick();
      },
      'it is suspended': (monitor) => {
        for (const job_id of ['x', 'y', 'z']) {
          monitor.submit(job_id, { priority: 'high' });
          monitor.fail(monitor.claim('b')[0]!, { ...GONE, retryable: false });
        }
      },
    };
    for (const [name, deed] of Object.entries(deeds)) {
      const monitor = failedBy();
      deed(monitor);
      assert.deepEqual(claimed(monitor, 'a'), ['job-1'], name);
    }
  });

  test('goes to any worker after it has waited elsewhere_ms', () => {
    const monitor = failedBy();
    monitor.later(10 * MINUTE_MS - 1);
    for (const worker_id of ['a', 'b']) monitor.beat(worker_id);
    assert.deepEqual(claimed(monitor, 'a'), []);
    monitor.later(1);
    assert.deepEqual(claimed(monitor, 'a'), ['job-1']);
  });

  test('goes to any worker once it was retried by hand', () => {
    const monitor = failedBy();
    monitor.run({ type: 'cancel_job', job_id: 'job-1' });
    monitor.run({ type: 'retry_job', job_id: 'job-1' });
    assert.deepEqual(claimed(monitor, 'a'), ['job-1']);
  });

  test('may be handed back by a worker and claimed by it again', () => {
    const monitor = failedBy({ code: 'worker_drained' });
    assert.deepEqual(claimed(monitor, 'a'), ['job-1']);
  });

  test('does not hold up the jobs behind it', () => {
    const monitor = failedBy(GONE);
    for (const job_id of ['job-2', 'job-3']) monitor.submit(job_id);
    assert.deepEqual(claimed(monitor, 'a', 5), ['job-2', 'job-3']);
  });

  test('is one of at most 100 that a claim passes over', () => {
    const monitor = new Monitor({ retry_base_ms: 0 });
    monitor.register('a');
    monitor.register('b');
    for (let n = 0; n < 102; n += 1) monitor.submit(`failed-${n}`);
    const leases = monitor.claim('a', 101);
    // Side by side, and with completions between, so that the worker is not suspended.
    for (const lease of leases) monitor.fail(lease, { code: 'audio_unreachable' });
    monitor.tick();
    monitor.run({ type: 'cancel_job', job_id: 'failed-101' });
    monitor.submit('job-behind');
    assert.deepEqual(claimed(monitor, 'a'), []);
    assert.equal(claimed(monitor, 'b').length, 1);
    assert.deepEqual(claimed(monitor, 'a'), ['job-behind']);
  });

  test('of a class that is passed over does not starve the others', () => {
    const monitor = new Monitor({ passes_max: 2, retry_base_ms: 0 });
    monitor.register('b');
    monitor.fail(monitor.claimed('low-1', { priority: 'low' }, 'a'));
    monitor.tick();
    for (const n of [1, 2, 3, 4]) monitor.submit(`high-${n}`, { priority: 'high' });
    // It is starved, and not for this worker.
    assert.deepEqual(claimed(monitor, 'a', 3), ['high-1', 'high-2', 'high-3']);
    assert.deepEqual(claimed(monitor, 'b', 2), ['low-1', 'high-4']);
  });
});

describe("an attempt that failed by the worker's own fault", () => {
  test('does not count, and the job keeps its place', () => {
    const monitor = new Monitor();
    monitor.register('b');
    const lease = monitor.claimed('job-1', {}, 'a');
    monitor.submit('job-2');
    monitor.fail(lease, GONE);
    const { state, attempt, not_before_ms } = monitor.job();
    assert.deepEqual([state, attempt, not_before_ms], ['QUEUED', 1, null]);
    assert.deepEqual(claimed(monitor, 'b', 2), ['job-1', 'job-2']);
    assert.equal(monitor.worker('a').jobs_failed, 1);
  });

  test('counts after five that did not', () => {
    const monitor = new Monitor({ retry_base_ms: 0 });
    monitor.submit('job-1', { max_attempts: 2 });
    for (const n of [1, 2, 3, 4, 5, 6, 7]) {
      monitor.register(`worker-${n}`);
      monitor.fail(monitor.claim(`worker-${n}`)[0]!, GONE);
      monitor.tick();
      assert.equal(monitor.job().attempt, n <= 5 ? 1 : 2);
    }
    assert.equal(monitor.job().state, 'FAILED');
    monitor.run({ type: 'retry_job', job_id: 'job-1' });
    monitor.register('worker-8');
    monitor.fail(monitor.claim('worker-8')[0]!, GONE);
    assert.deepEqual([monitor.job().state, monitor.job().attempt], ['QUEUED', 1], 'begun anew by hand');
  });

  test('ends the job if another attempt could not help', () => {
    const monitor = new Monitor();
    monitor.fail(monitor.claimed(), { ...GONE, retryable: false });
    assert.equal(monitor.job().state, 'FAILED');
  });
});

test('one good worker completes all the jobs that a broken one fails', () => {
  const monitor = new Monitor();
  for (const worker_id of ['broken', 'good']) monitor.register(worker_id);
  for (let n = 0; n < 40; n += 1) monitor.submit(`job-${n}`);
  let rounds = 0;
  while (monitor.state.tables.jobs_by_state.COMPLETED.size < 40) {
    assert.ok(++rounds < 200);
    monitor.later(3 * SECOND_MS);
    for (const lease of monitor.claim('broken', 1)) monitor.fail(lease, GONE);
    for (const lease of monitor.claim('good', 1)) monitor.complete(lease);
    for (const worker_id of ['broken', 'good']) monitor.beat(worker_id);
    monitor.tick();
  }
  assert.ok(monitor.worker('broken').jobs_failed <= 3 + 3, 'three in a row, and trials after 30, 90 and 210 s at most');
});
