/** The page on metrics: its configuration is one that Prometheus accepts, and its tables have every metric with its labels. */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { work } from '../../server/telemetry/testing-work.ts';
import { temporaryDirectory } from '../processes/tmon.ts';
import { openMonitor } from '../servers/monitor.ts';
import { promtool, withoutPrometheus } from '../servers/prometheus.ts';
import { blocksOf } from './blocks.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

test('promtool accepts the configuration on the page', { skip: withoutPrometheus }, async (t) => {
  const directory = temporaryDirectory(t);
  const [block] = blocksOf('docs/metrics.md').filter(({ language }) => language === 'yaml');
  writeFileSync(join(directory, 'prometheus.yaml'), block!.text);
  copyFileSync(join(ROOT, 'deploy/prometheus/rules.yaml'), join(directory, 'rules.yaml'));
  const { code, output } = await promtool(['check', 'config', 'prometheus.yaml'], { directory });
  assert.equal(code, 0, output);
  assert.match(output, /22 rules found/);
});

const PREFIX = 'transcription_monitor_';

/** `name type label,label` of each row of the page's tables. */
function onPage(): string[] {
  const page = readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8');
  return [...page.matchAll(/^\| `([a-z_]+)` \| (gauge|counter|histogram) \|([^|]*)\|/gm)].map(
    ([, name, type, labels]) => `${name} ${type} ${[...labels!.matchAll(/`([a-z_]+)`/g)].map(([, label]) => label)}`,
  );
}

/** The same of the metrics that the monitor has. */
function inText(text: string): string[] {
  return [...text.matchAll(new RegExp(`^# TYPE ${PREFIX}(\\S+) (\\S+)$`, 'gm'))].map(([, name, type]) => {
    const line = text.split('\n').find((one) => new RegExp(`^${PREFIX}${name}(_bucket)?[ {]`).test(one));
    const labels = [...(line ?? '').matchAll(/([a-z_]+)="/g)].map(([, label]) => label).filter((one) => one !== 'le');
    return `${name} ${type} ${labels}`;
  });
}

test('the tables have every metric, with its type and labels', async (t) => {
  const monitor = await openMonitor(t);
  await work(monitor);
  // An alert, which follows from the two jobs that failed.
  await monitor.until('/system/alerts', ({ items }) => items.length > 0);
  const { text } = await monitor.call('GET', '/metrics');
  assert.deepEqual(onPage().sort(), inText(text).sort());
});
