/** Backtests over HTTP, and the settings that are shown beside them. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { JumpingClock } from '../../../test/servers/jumping-clock.ts';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { fail, hold } from '../../../test/servers/steps.ts';
import { MemoryStore } from '../../objects/memory.ts';
import { WatchedStore } from '../../views/testing-monitor.ts';

const clock = new JumpingClock();
const SECRET = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
const monitor = await openMonitor(
  { after },
  { clock, webhook_secret: SECRET, notify: 'slack:https://hooks.slack.com/services/T0/B0/abcdef' },
);
const backtest = (body: object) => monitor.post('/system/alert-rules/backtest', body);
const failed = await fail(monitor, await hold(monitor));
clock.jump(5_000);
await monitor.until('/system/alerts', (page) => page.items.length > 0);

test('a backtest returns the alerts that the rules in force have raised', async () => {
  const { status, body } = await backtest({});
  assert.equal(status, 200);
  assert.equal(failed.state, 'FAILED');
  const dead = body.firings.filter(({ rule }: { rule: string }) => rule === 'jobs_dead_lettered');
  assert.deepEqual([dead.length, dead[0].subject, dead[0].resolved_at], [1, 'dlq', null]);
  assert.ok(body.left_out.includes('store_slow'));
});

test('a backtest of other rules returns when those would have fired', async () => {
  const rules = `rules:
  - name: jobs_dead_lettered
    enabled: false
  - name: many_dead
    signal: dead_letters
    above: 100
    severity: WARNING
    summary: Many jobs have failed
`;
  const { body } = await backtest({ rules });
  assert.deepEqual(
    body.firings.filter(({ rule }: { rule: string }) => /dead/.test(rule)),
    [],
  );
});

test('rules that are not valid are refused with each line and column', async () => {
  const { status, body } = await backtest({ rules: 'rules:\n  - name: gpu_idle\n    abov: 3\n' });
  assert.deepEqual([status, body.code], [400, 'invalid_rules']);
  assert.match(body.errors[0].field, /^line 3, column \d+$/);
});

test('one backtest runs at a time', async (t) => {
  const store = new WatchedStore(new MemoryStore(clock));
  const other = await openMonitor(t, { clock, objects: store });
  const { promise: listed, resolve: onList } = Promise.withResolvers<void>();
  const { promise: gate, resolve: goOn } = Promise.withResolvers<void>();
  store.onCall = ({ name, key }) => {
    if (name !== 'list' || key !== 'journal/') return undefined;
    onList();
    return gate;
  };
  const first = other.post('/system/alert-rules/backtest', {});
  await listed;
  const second = await other.post('/system/alert-rules/backtest', {});
  assert.deepEqual([second.status, second.body.code], [429, 'backtest_running']);
  assert.equal(second.headers.get('retry-after'), '2');
  goOn();
  await first;
  assert.notEqual((await other.post('/system/alert-rules/backtest', {})).status, 429);
});

test('settings are shown without their secrets', async () => {
  const { text, body } = await monitor.get('/system/settings');
  const shown = (name: string) => body.settings.find((one: { name: string }) => one.name === name).value;
  assert.deepEqual([shown('webhook_secret'), shown('notify'), shown('cache')], ['set', 'set', '']);
  assert.deepEqual([shown('lease_ms'), body.store], [60_000, 'memory:']);
  assert.match(body.version, /^\d+\.\d+\.\d+$/);
  assert.equal(body.destinations.length, 1);
  for (const part of [SECRET, 'abcdef']) assert.ok(!text.includes(part), part);
});
