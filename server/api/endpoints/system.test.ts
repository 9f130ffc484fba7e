/** The system as a whole over HTTP: health, metrics, alerts, and the probes for machines. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownVersion } from '../../../installation/own-files.ts';
import type { Alert } from '../../../protocol/alert.ts';
import type { MetricsShare, SystemHealth } from '../../../protocol/system.ts';
import { DAY_MS, formatTime, HOUR_MS, parseTime } from '../../../protocol/time.ts';
import { JumpingClock } from '../../../test/servers/jumping-clock.ts';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { claim, complete, fail, hold, register, submit } from '../../../test/servers/steps.ts';

test('[A42] [A60] GET /system/health of an empty system is HEALTHY, and complete', async (t) => {
  const monitor = await openMonitor(t);
  const { status, body } = await monitor.get<SystemHealth>('/system/health');
  assert.equal(status, 200);
  const { timestamp, as_of_seq, version, ...rest } = body;
  assert.equal(version, ownVersion());
  assert.ok(timestamp.endsWith('Z') && as_of_seq === 0);
  assert.deepEqual(rest, {
    overall_status: 'HEALTHY',
    components: {
      queue: { status: 'HEALTHY', messages_visible: 0, messages_inflight: 0, age_oldest_message: null },
      workers: { status: 'HEALTHY', total_count: 0, healthy_count: 0, active_count: 0, idle_count: 0 },
      jobs: { status: 'HEALTHY', total_active: 0, success_rate_24h: null, average_completion_time: null },
    },
    alerts: [],
    metrics: { throughput_jobs_per_hour: 0, cost_per_hour_usd: 0, efficiency_score: null },
  });
});

test('[A43] [A44] [A45] [A47] health counts queue, workers, jobs, price and throughput', async (t) => {
  const monitor = await openMonitor(t);
  const location = { spot_price: 0.35 };
  await register(monitor, 'worker-1', { location });
  await register(monitor, 'worker-2', { location });
  await complete(monitor, await hold(monitor));
  await fail(monitor, await hold(monitor));
  await submit(monitor);
  await submit(monitor);
  await claim(monitor, 'worker-2');
  const { components, metrics, overall_status } = (await monitor.get<SystemHealth>('/system/health')).body;
  assert.deepEqual([components.queue.messages_visible, components.queue.messages_inflight], [1, 1]);
  const { total_count, healthy_count, active_count, idle_count } = components.workers;
  assert.deepEqual([total_count, healthy_count, active_count, idle_count], [2, 2, 1, 1]);
  assert.deepEqual([components.jobs.total_active, components.jobs.success_rate_24h], [2, 0.5]);
  assert.deepEqual([metrics.throughput_jobs_per_hour, metrics.cost_per_hour_usd], [1, 0.7]);
  assert.deepEqual([components.jobs.status, overall_status], ['DEGRADED', 'DEGRADED'], 'half of the jobs failed');
});

test('[A61] GET /system/metrics returns the hour and the day so far', async (t) => {
  const monitor = await openMonitor(t);
  await complete(monitor, await hold(monitor, { duration_seconds: 30 }));
  await fail(monitor, await hold(monitor));
  const { job_id } = await submit(monitor);
  await monitor.delete(`/jobs/${job_id}`);
  const { status, body } = await monitor.get('/system/metrics');
  assert.equal(status, 200);
  for (const period of [body.hour, body.day]) {
    const { jobs_submitted, jobs_completed, jobs_failed, jobs_cancelled, audio_seconds, success_rate } = period;
    assert.deepEqual(
      [jobs_submitted, jobs_completed, jobs_failed, jobs_cancelled, audio_seconds, success_rate],
      [3, 1, 1, 1, 30, 0.5],
    );
    assert.match(period.period_start, /:00:00Z$/);
  }
  assert.deepEqual([body.jobs.COMPLETED, body.jobs.FAILED, body.jobs.CANCELLED], [1, 1, 1]);
  const etag = (await monitor.get('/system/metrics')).headers.get('etag')!;
  assert.equal((await monitor.get('/system/metrics', { 'if-none-match': etag })).status, 304);
});

test('[A61] GET /system/metrics?step=hour returns the series, to the hour so far', async (t) => {
  const clock = new JumpingClock();
  const monitor = await openMonitor(t, { clock });
  await complete(monitor, await hold(monitor, { duration_seconds: 30 }));
  clock.jump(2 * HOUR_MS);
  await submit(monitor);
  const { status, body } = await monitor.get('/system/metrics?step=hour');
  assert.equal(status, 200);
  assert.equal(body.step, 'hour');
  assert.equal(Date.parse(body.to) - Date.parse(body.from), DAY_MS);
  const [first, ...more] = body.items;
  assert.deepEqual([first.jobs_submitted, first.jobs_completed, first.audio_seconds], [1, 1, 30]);
  assert.equal(more.at(-1).jobs_submitted, 1);
  assert.equal(more.at(-1).period_start, (await monitor.get('/system/metrics')).body.hour.period_start);
  const { period_start } = first;
  const one = await monitor.get(`/system/metrics?from=${period_start}&to=${formatTime(parseTime(period_start) + 1)}`);
  assert.deepEqual(one.body.items, [first]);
  const { body: days } = await monitor.get('/system/metrics?step=day');
  const submitted = days.items.map(({ jobs_submitted }: { jobs_submitted: number }) => jobs_submitted);
  assert.equal(
    submitted.reduce((sum: number, count: number) => sum + count, 0),
    2,
  );
});

test('a series is of at most 10,000 points, and of a range that is one', async (t) => {
  const monitor = await openMonitor(t);
  const get = async (query: string) => {
    const { status, body } = await monitor.get(`/system/metrics?${query}`);
    return [status, body.code];
  };
  const at = (hours: number) => formatTime(parseTime('2020-01-01T00:00:00Z') + hours * HOUR_MS);
  assert.deepEqual(await get(`from=${at(0)}&to=${at(10_000)}`), [200, undefined]);
  assert.deepEqual(await get(`from=${at(0)}&to=${at(10_001)}`), [400, 'too_many_points']);
  assert.deepEqual(await get(`from=${at(0)}&to=${at(10_001)}&step=day`), [200, undefined]);
  assert.deepEqual(await get(`from=${at(1)}&to=${at(1)}`), [400, 'empty_range']);
  assert.deepEqual(await get('step=minute'), [400, 'invalid_query']);
  assert.deepEqual((await get('from=yesterday'))[0], 400);
});

test('[A46] [A62] an alert is raised while its condition holds, and resolved when it clears', async (t) => {
  const clock = new JumpingClock();
  const monitor = await openMonitor(t, { clock });
  assert.deepEqual((await monitor.get('/system/alerts')).body, { items: [], next_cursor: null });
  const { job_id } = await fail(monitor, await hold(monitor));
  clock.jump(5_000);
  const { items } = await monitor.until('/system/alerts', (page) => page.items.length === 1);
  const [alert] = items as Alert[];
  assert.match(alert!.id, /^alert-[0-9A-Z]{26}$/);
  assert.deepEqual([alert!.rule, alert!.severity, alert!.resolved_at], ['jobs_dead_lettered', 'WARNING', null]);
  const health = (await monitor.get<SystemHealth>('/system/health')).body;
  assert.deepEqual(health.alerts, [
    { id: alert!.id, severity: 'WARNING', message: alert!.message, created_at: alert!.created_at },
  ]);
  await monitor.post(`/jobs/${job_id}/retry`);
  clock.jump(5_000);
  await monitor.until('/system/alerts', (page) => page.items.length === 0);
});

test('[A63] a manually resolved alert is raised again only after its condition has cleared', async (t) => {
  const clock = new JumpingClock();
  const monitor = await openMonitor(t, { clock });
  const dead = await fail(monitor, await hold(monitor));
  clock.jump(5_000);
  const first = (await monitor.until('/system/alerts', ({ items }) => items.length === 1)).items[0];
  const { status, body } = await monitor.post<Alert>(`/system/alerts/${first.id}/resolve`);
  assert.deepEqual([status, body.resolved_by, body.resolved_at?.endsWith('Z')], [200, 'api', true]);
  assert.equal((await monitor.post<Alert>(`/system/alerts/${first.id}/resolve`)).body.resolved_at, body.resolved_at);
  assert.deepEqual((await monitor.get('/system/alerts')).body.items, []);

  clock.jump(5_000);
  await submit(monitor);
  assert.deepEqual(
    (await monitor.get('/system/alerts')).body.items,
    [],
    'its condition still holds, but it was resolved by hand',
  );
  const { headers } = await monitor.post(`/jobs/${dead.job_id}/retry`);
  clock.jump(5_000);
  // No document shows that the condition has cleared, so wait for the segment.
  const cleared = await monitor.get(`/queues/main?min_seq=${Number(headers.get('tmon-seq')) + 1}`);
  assert.equal(cleared.status, 200);
  await fail(monitor, await hold(monitor));
  clock.jump(5_000);
  const second = (await monitor.until('/system/alerts', ({ items }) => items.length === 1)).items[0];
  assert.notEqual(second.id, first.id);
  assert.equal((await monitor.post('/system/alerts/alert-nothing/resolve')).body.code, 'alert_not_found');
});

test('jobs that wait without a live worker raise an alert after five minutes', async (t) => {
  const clock = new JumpingClock();
  const monitor = await openMonitor(t, { clock });
  await submit(monitor);
  clock.jump(5 * 60_000);
  const { items } = await monitor.until('/system/alerts', (page) => page.items.length === 1);
  assert.deepEqual([items[0].rule, items[0].severity], ['queue_without_workers', 'CRITICAL']);
  const { components } = (await monitor.get<SystemHealth>('/system/health')).body;
  assert.equal(components.queue.status, 'UNHEALTHY');
  await register(monitor);
  clock.jump(5_000);
  await monitor.until('/system/alerts', (page) => page.items.length === 0);
});

test('the probes report liveness, readiness and metrics for Prometheus', async (t) => {
  const monitor = await openMonitor(t);
  await submit(monitor);
  assert.deepEqual((await monitor.call('GET', '/livez')).body, { status: 'ok' });
  const ready = await monitor.call('GET', '/readyz');
  assert.deepEqual([ready.status, ready.body], [200, { status: 'ready', seq: 1 }]);
  const { headers, text } = await monitor.call('GET', '/metrics');
  assert.match(headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  for (const line of [
    'transcription_monitor_jobs{state="QUEUED"} 1',
    'transcription_monitor_jobs{state="COMPLETED"} 0',
    'transcription_monitor_dead_letters 0',
    'transcription_monitor_journal_seq 1',
    'transcription_monitor_journal_writable 1',
  ])
    assert.ok(text.includes(`${line}\n`), line);
});

test('[A5] GET /system/metrics?group_by= divides hours and days by worker and by model', async (t) => {
  const clock = new JumpingClock();
  const monitor = await openMonitor(t, { clock });
  for (const [worker_id, model] of [
    ['worker-1', 'base'],
    ['worker-2', 'large-v3'],
    ['worker-3', 'large-v3'],
  ] as const) {
    await register(monitor, worker_id, { capabilities: { model }, location: { spot_price: 3.6 } });
    await submit(monitor, { duration_seconds: 100, max_attempts: 1 });
    const [held] = await claim(monitor, worker_id);
    clock.jump(20_000);
    if (worker_id === 'worker-3') await fail(monitor, held!);
    else await complete(monitor, held!);
  }
  const by = async (query: string) => (await monitor.get(`/system/metrics?${query}`)).body;
  const figures = ({ items }: { items: MetricsShare[] }) =>
    items.map((one) => [one.group, one.jobs_completed, one.attempts_failed, one.audio_seconds, one.success_rate]);
  assert.deepEqual(figures(await by('group_by=worker&step=day')), [
    ['worker-1', 1, 0, 100, 1],
    ['worker-2', 1, 0, 100, 1],
    ['worker-3', 0, 1, 0, 0],
  ]);
  const models = await by('group_by=model&step=day');
  assert.deepEqual(figures(models), [
    ['base', 1, 0, 100, 1],
    ['large-v3', 1, 1, 100, 0.5],
  ]);
  const [base] = models.items as MetricsShare[];
  assert.ok(base!.busy_seconds >= 20 && base!.busy_seconds < 25);
  assert.ok(Math.abs(base!.realtime_factor! - base!.busy_seconds / 100) < 1e-3);
  assert.ok(Math.abs(base!.cost_total - (3.6 * base!.busy_seconds) / 3600) < 1e-4);
  assert.deepEqual(figures(await by('group_by=worker&step=day&group=worker-2')), [['worker-2', 1, 0, 100, 1]]);
  assert.deepEqual((await by('group_by=worker&group=nobody')).items, []);
  const { status, body } = await monitor.get('/system/metrics?group=worker-2');
  assert.deepEqual([status, body.code], [400, 'invalid_query']);
  assert.equal((await monitor.get('/system/metrics?group_by=colour')).status, 400);
});

test('shares of hours older than two days are dropped, and the response says from when they are kept', async (t) => {
  const clock = new JumpingClock();
  const monitor = await openMonitor(t, { clock });
  await complete(monitor, await hold(monitor));
  clock.jump(50 * HOUR_MS);
  await complete(monitor, await hold(monitor));
  const { body } = await monitor.get(`/system/metrics?group_by=worker&from=${formatTime(clock.now() - 60 * HOUR_MS)}`);
  assert.equal(body.items.length, 1);
  assert.equal(Date.parse(body.to) - Date.parse(body.kept_from), 48 * HOUR_MS);
  const days = (await monitor.get('/system/metrics?group_by=worker&step=day')).body;
  assert.equal(
    days.items.reduce((sum: number, { jobs_completed }: MetricsShare) => sum + jobs_completed, 0),
    2,
  );
});
