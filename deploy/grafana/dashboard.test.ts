/** The dashboard: every query of it returns data from a Prometheus that scrapes a monitor with jobs and workers. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { work } from '../../server/telemetry/testing-work.ts';
import { openMonitor } from '../../test/servers/monitor.ts';
import { startPrometheus, withoutPrometheus } from '../../test/servers/prometheus.ts';

type Panel = { id: number; title: string; type: string; targets?: { expr: string; legendFormat: string }[] };
const dashboard = JSON.parse(readFileSync(new URL('dashboard.json', import.meta.url), 'utf8')) as { panels: Panel[] };
const queries = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })));

test('every query returns data', { skip: withoutPrometheus }, async (t) => {
  assert.ok(queries.length > 40);
  const monitor = await openMonitor(t);
  await work(monitor);
  const prometheus = await startPrometheus(t, [new URL(monitor.url).host]);
  let missing = queries;
  for (let turn = 0; missing.length > 0; turn++) {
    assert.ok(turn < 20, `no data: ${missing.map(({ title, expr }) => `${title}: ${expr}`).join('\n')}`);
    // More work between two scrapes, so that rates are above 0.
    await work(monitor);
    const { day } = (await monitor.get('/system/metrics')).body;
    await prometheus.scraped('transcription_monitor_jobs_submitted_total', day.jobs_submitted);
    const still: typeof queries = [];
    for (const query of missing) {
      const expression = query.expr.replaceAll('$__rate_interval', '1m').replaceAll('$job', '.*');
      const found = await prometheus.query(expression);
      if (!found.some(({ value: [, value] }) => Number.isFinite(Number(value)))) still.push(query);
    }
    missing = still;
  }
});

test('each panel has its own number, a title and a legend for each query', () => {
  const { panels } = dashboard;
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  for (const { title, targets = [] } of panels) {
    assert.notEqual(title, '');
    for (const { legendFormat } of targets) assert.notEqual(legendFormat, '', title);
  }
});
