/** What is expected of jobs, over HTTP: their place, start and end, and how right that is. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Job } from '../../../protocol/job.ts';
import type { CurrentMetrics } from '../../../protocol/system.ts';
import type { JobWhy } from '../../../protocol/why.ts';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { complete, hold, submit } from '../../../test/servers/steps.ts';

const monitor = await openMonitor({ after });

test('jobs have their place, expected start and expected end, once enough jobs have completed', async () => {
  for (let i = 0; i < 22; i++) await complete(monitor, await hold(monitor));
  const running = await hold(monitor);
  const waiting = [await submit(monitor), await submit(monitor)];
  const { body: second } = await monitor.get<Job>(`/jobs/${waiting[1]!.job_id}`);
  assert.equal(second.queue_position, 2);
  assert.ok(second.expected_start !== null && second.expected_completion !== null);
  const { expected_start, expected_completion } = second;
  const [begins, late, ends] = [expected_start.p50, expected_start.p90, expected_completion.p50].map(Date.parse);
  assert.ok(begins! <= late! && begins! <= ends!, JSON.stringify({ expected_start, expected_completion }));
  const { body: held } = await monitor.get<Job>(`/jobs/${running.job.job_id}`);
  assert.deepEqual([held.queue_position, held.expected_start], [null, null]);
  assert.ok(held.expected_completion !== null);
  const { body: page } = await monitor.get<{ items: Job[] }>('/jobs?state=QUEUED');
  assert.deepEqual(
    page.items.map(({ queue_position }) => queue_position),
    [2, 1],
  );
  const { body: why } = await monitor.get<JobWhy>(`/jobs/${waiting[1]!.job_id}/why`);
  assert.equal(why.queue?.position, 2);
  assert.ok(why.queue?.expected_start != null);
  const { body: metrics } = await monitor.get<CurrentMetrics>('/system/metrics');
  assert.ok(metrics.estimates.start.jobs >= 2);
  assert.ok(metrics.estimates.run_completion.within_p90 !== null);
  await complete(monitor, running);
  const { body: done } = await monitor.get<Job>(`/jobs/${running.job.job_id}`);
  assert.deepEqual([done.queue_position, done.expected_start, done.expected_completion], [null, null, null]);
});
