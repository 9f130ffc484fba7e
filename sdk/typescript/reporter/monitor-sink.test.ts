/** Reports to a monitor. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Job } from '../../../protocol/job.ts';
import { systemClock } from '../../../server/clock.ts';
import { MemoryStore } from '../../../server/objects/memory.ts';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { submit } from '../../../test/servers/steps.ts';
import { DONE, FAILED, openReporter, runWorker } from './testing-sinks.ts';

describe('a monitor', () => {
  test('http:// reports to it', async (t) => {
    const monitor = await openMonitor(t);
    await runWorker(monitor.url);
    const done = (await monitor.get<Job>(`/jobs/${DONE}`)).body;
    const failed = (await monitor.get<Job>(`/jobs/${FAILED}`)).body;
    assert.deepEqual([done.state, done.worker?.worker_id, failed.state], ['COMPLETED', 'worker-1', 'FAILED']);
    assert.match(failed.retry_info.last_error!.message, /ENOENT/);
  });

  test('a monitor that is away gets the reports once it is back, and a refused report is warned about', async (t) => {
    const objects = new MemoryStore(systemClock);
    const monitor = await openMonitor(t, { objects });
    const listen = new URL(monitor.url).host;
    const { job_id } = await submit(monitor);
    await monitor.stop();
    const { reporter, dropped, warned } = openReporter(monitor.url);
    reporter.jobStart('job-1');
    reporter.jobComplete('job-1');
    reporter.jobComplete(job_id);
    assert.match(await warned, /no response from .*connection refused/);
    const again = await openMonitor(t, { listen, objects });
    assert.equal(await reporter.flush(30_000), true);
    await reporter.close();
    assert.equal((await again.get<Job>('/jobs/job-1')).body.state, 'COMPLETED');
    assert.deepEqual(
      dropped.map(({ reason, why }) => [reason, why]),
      [['refused', `lease_required: ${job_id} is a job of this queue: send its lease_token`]],
    );
  });
});
