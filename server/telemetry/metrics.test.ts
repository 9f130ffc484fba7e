/** `GET /metrics` of a running monitor: its format, and figures that follow from what was done. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Monitor, openMonitor } from '../../test/servers/monitor.ts';
import { promtool, withoutPrometheus } from '../../test/servers/prometheus.ts';
import { submit } from '../../test/servers/steps.ts';
import { work } from './testing-work.ts';

async function scrape(monitor: Monitor, accept = 'text/plain'): Promise<string> {
  const { status, text } = await monitor.call('GET', '/metrics', { headers: { accept } });
  assert.equal(status, 200);
  return text;
}

/** The value of a series, undefined if there is none. */
function value(text: string, series: string): number | undefined {
  const line = text.split('\n').find((one) => one.startsWith(`transcription_monitor_${series} `));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}

describe('the metrics', () => {
  test('pass promtool check metrics, with and without work', { skip: withoutPrometheus }, async (t) => {
    const monitor = await openMonitor(t);
    for (const prepare of [async () => {}, work]) {
      await prepare(monitor);
      const { code, output } = await promtool(['check', 'metrics'], { input: await scrape(monitor) });
      assert.equal(output, '');
      assert.equal(code, 0);
    }
  });

  test('count jobs, attempts and time as they were', async (t) => {
    const monitor = await openMonitor(t);
    await work(monitor);
    const text = await scrape(monitor);
    const is = (expected: Record<string, number>) => {
      for (const [series, wanted] of Object.entries(expected)) assert.equal(value(text, series), wanted, series);
    };
    is({
      'jobs{state="QUEUED"}': 1,
      'jobs{state="PROCESSING"}': 1,
      jobs_submitted_total: 6,
      'jobs_ended_total{state="COMPLETED"}': 1,
      'jobs_ended_total{state="CANCELLED"}': 1,
      'jobs_ended_total{state="FAILED"}': 2,
      'jobs_failed_total{error_code="gpu_out_of_memory"}': 1,
      'jobs_failed_total{error_code="no_audio_track"}': 1,
      'attempts_failed_total{error_code="no_audio_track"}': 1,
      'queue_jobs{priority="high"}': 1,
      'queue_jobs{priority="low"}': 0,
      dead_letters: 2,
      audio_seconds_total: 100,
      cost_per_hour_usd: 0.25,
    });
    is({
      'job_wait_seconds_count{priority="normal"}': 4,
      'job_wait_seconds_bucket{priority="normal",le="+Inf"}': 4,
      'job_turnaround_seconds_count{priority="normal"}': 1,
      'job_processing_seconds_count{model="large-v3"}': 1,
      'job_realtime_factor_bucket{model="large-v3",le="0.5"}': 1,
    });
    is({
      'workers{state="ACTIVE"}': 1,
      'workers_by_status{status="HEALTHY"}': 1,
      'workers_by_model{model="large-v3",device="cuda"}': 1,
      'worker_gpu_usage_ratio{worker="worker-1"}': 0.8,
      'worker_jobs{worker="worker-1"}': 1,
      worker_gpu_usage_mean_ratio: 0.8,
      journal_writable: 1,
    });
    assert.equal(value(text, 'commit_duration_seconds_count'), value(text, 'journal_seq'));
    assert.ok((value(text, 'commit_events_total') ?? 0) > 12);
    assert.ok((value(text, 'store_requests_total{operation="put_if_absent",outcome="ok"}') ?? 0) > 12);
    assert.ok((value(text, 'store_written_bytes_total') ?? 0) >= (value(text, 'commit_bytes_total') ?? Infinity));
    assert.equal(value(text, 'http_requests_total{operation="jobs.submit",status="201"}'), 6);
  });

  test('have the same fold and begin their own counts anew after a restart', async (t) => {
    const first = await openMonitor(t);
    await work(first);
    const before = await scrape(first);
    await first.stop();
    const second = await openMonitor(t, { objects: first.store });
    const after = await scrape(second);
    const totals = (text: string) => text.match(/^transcription_monitor_(jobs|attempts|job|audio|processing)_.*$/gm);
    assert.ok((totals(before)?.length ?? 0) > 30);
    assert.deepEqual(totals(after), totals(before));
    assert.equal(value(after, 'http_requests_total{operation="jobs.submit",status="201"}'), undefined);
  });

  test('are OpenMetrics for a scraper that asks for it, and stay Prometheus text for others', async (t) => {
    const monitor = await openMonitor(t);
    await submit(monitor);
    const plain = await scrape(monitor);
    const open = await scrape(monitor, 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5');
    assert.match(
      open,
      /^# TYPE transcription_monitor_jobs_submitted counter\ntranscription_monitor_jobs_submitted_total 1$/m,
    );
    assert.match(open, /\n# EOF\n$/);
    const series = (text: string) => text.split('\n').filter((line) => /^transcription_monitor_job/.test(line));
    assert.deepEqual(series(open), series(plain));
    assert.deepEqual(series(await scrape(monitor)), series(plain));
  });

  test('count who follows the feed, until they leave', async (t) => {
    const monitor = await openMonitor(t);
    const leave = new AbortController();
    const response = await fetch(`${monitor.url}/api/v1/events?resource=jobs`, { signal: leave.signal });
    const reader = response.body!.getReader();
    await reader.read();
    assert.equal(value(await scrape(monitor), 'feed_clients'), 1);
    leave.abort();
    await reader.read().catch(() => undefined);
    // The monitor learns it from the connection; each scrape is a round trip.
    while (value(await scrape(monitor), 'feed_clients') !== 0);
  });
});
