/** docs/analytics.md says what is so: its columns, patterns and settings are ours, its examples run. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { GROUPS, PATTERNS } from '../../protocol/analytics.ts';
import { DAY_MS, HOUR_MS } from '../../protocol/time.ts';
import { columnReaders } from '../../test/servers/column-readers.ts';
import { analyticsEndpoints } from '../api/endpoints/analytics.ts';
import { SETTINGS, type SettingName } from '../config.ts';
import { TABLES } from './tables.ts';
import { copyObjects, finishJobs, openAnalytics } from './testing-analytics.ts';

const PAGE = await readFile(new URL('../../docs/analytics.md', import.meta.url), 'utf8');
const blocks = (language: string) =>
  [...PAGE.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, text]) => text!);
const section = (heading: string) => PAGE.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
const rowsOf = (text: string) =>
  [...text.matchAll(/^\| `([^`]+)`.* \| (.+) \|$/gm)].map(([, name, last]) => [name, last]);

const analytics = await openAnalytics({ finished_window_ms: HOUR_MS });
after(() => analytics.close());
await finishJobs(analytics, 3);
await analytics.clock.turn(DAY_MS);
await analytics.archive();
await analytics.clock.turn(2 * HOUR_MS);
await analytics.write();

test('the page has every column of both tables, with its type and its meaning', () => {
  const types = { text: 'text', texts: 'list of texts', integer: 'whole number', number: 'number', time: 'time' };
  const columns = Object.values(TABLES).flatMap((table) =>
    table.map(({ name, type, meaning }) => `| \`${name}\` | ${types[type]} | ${meaning} |`),
  );
  assert.deepEqual(
    section('Columns')
      .split('\n')
      .filter((line) => line.startsWith('| `')),
    columns,
  );
});

test('the page has every endpoint, group, pattern and setting, and the defaults of the settings', () => {
  for (const { method, path } of analyticsEndpoints) assert.ok(PAGE.includes(`| \`${method} /api/v1${path}\` |`), path);
  for (const group of GROUPS) assert.ok(section('Reports').includes(`\`${group}\``), group);
  assert.deepEqual(rowsOf(section('Bottlenecks')), Object.entries(PATTERNS));
  const names = (Object.keys(SETTINGS) as SettingName[]).filter((name) => name.startsWith('analytics'));
  const defaults = names.map((name) =>
    `| \`--${name.replaceAll('_', '-')}\` | ${SETTINGS[name].default} |`.replace('|  |', '| |'),
  );
  for (const line of defaults) assert.ok(section('SQL').includes(`\n${line} `), line);
});

test('[A102] the queries of the page run', async () => {
  const queries = blocks('sql');
  assert.ok(queries.length >= 4);
  const [costs] = await Promise.all(queries.map((query) => analytics.rows(query)));
  assert.deepEqual(costs, [
    { date: '2025-07-07', jobs_completed: '3', avg_time: 600, total_cost: 0.18, cost_per_minute: (0.06 / 4860) * 60 },
  ]);
});

test('pandas reads the column files as the page shows', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tmon-page-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await copyObjects(analytics.store, join(folder, 'data'), 'analytics/');
  const program = blocks('python').find((text) => text.includes('pandas'))!;
  const { python } = await ensurePythonEnvironment(columnReaders);
  const { stdout } = await promisify(execFile)(python, ['-W', 'error', '-c', program], { cwd: folder });
  assert.match(stdout, /count +sum\nmodel *\n(NaN|None) +3 +0\.18\n$/);
});
