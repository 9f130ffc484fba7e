/** The analytics process beside its monitor: it waits when the monitor has work. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { systemClock } from '../../clock.ts';
import { optionsOf } from '../open-analytics.ts';
import { AnalyticsProcess } from './analytics-process.ts';

const skip = process.platform === 'linux' ? false : 'reads /proc';

/** Of every thread of the process. */
async function nicenessOf(pid: string): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`);
  const texts = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8')));
  return texts.map((text) => Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[16]));
}

async function analyticsChildren(): Promise<string[]> {
  const children = (await readFile(`/proc/self/task/${process.pid}/children`, 'utf8')).trim().split(' ');
  const commands = await Promise.all(children.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return children.filter((_, at) => commands[at]!.includes('analytics/process/main.ts'));
}

test('every thread of the analytics process has a lower priority than the monitor', { skip }, async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'tmon-process-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  const store = `dir:${join(root, 'store')}`;
  const { settings } = await openMonitor(t, { store, analytics_cache: join(root, 'cache') });
  const analytics = new AnalyticsProcess({ ...optionsOf(settings), store_url: store }, systemClock);
  t.after(() => analytics.close());
  const sql = 'SELECT count(*) FROM job_states';
  await analytics.query({ sql, parameters: [], rows_max: 10, timeout_ms: 60_000, foreign: true });
  const [pid, ...others] = await analyticsChildren();
  assert.deepEqual(others, []);
  const [own] = await nicenessOf('self');
  const niceness = await nicenessOf(pid!);
  assert.ok(niceness.length > 4, `${niceness.length} threads`);
  assert.deepEqual(new Set(niceness), new Set([Math.min(19, own! + 10)]));
});
