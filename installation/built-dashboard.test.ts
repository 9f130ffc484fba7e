/** When the dashboard is built, with the real build. */
import assert from 'node:assert/strict';
import { statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildDashboard } from './built-dashboard.ts';
import { dashboardFolder } from './own-files.ts';

test('the dashboard is built if its files are older than a source, and only then', async () => {
  const index = join(dashboardFolder, 'index.html');
  await buildDashboard();
  assert.equal(await buildDashboard(), false);
  const long_ago = new Date('2020-01-01T00:00:00Z');
  utimesSync(index, long_ago, long_ago);
  assert.equal(await buildDashboard(), true);
  assert.ok(statSync(index).mtimeMs > long_ago.getTime());
});
