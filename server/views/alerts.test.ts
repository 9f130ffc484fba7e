/** The objects of alerts: a pending one has none, and none says what changes with time alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MINUTE_MS } from '../../protocol/time.ts';
import { readAlertRules } from '../alerts/rules/defaults.ts';
import { MemoryStore } from '../objects/memory.ts';
import { TurnedClock } from '../testing-clock.ts';
import { keysIn, rebuiltFrom, TestMonitor, textAt, viewsIn } from './testing-monitor.ts';

const RULES = readAlertRules('defaults: false\nrules: [{name: waits, signal: queue_depth, above: 0, for: 1m}]').rules!;

test('[A23] [A24] an alert has an object from when it fires, active and then resolved under its day', async () => {
  const clock = new TurnedClock('2025-07-07T19:30:00Z');
  const store = new MemoryStore(clock);
  const monitor = await TestMonitor.open({ store, clock });
  monitor.engine.changePolicy({ alerts: RULES });
  const tick = async () => {
    await monitor.tick('alert-001');
    await monitor.publisher.flush();
    return keysIn(store, 'alerts/');
  };
  await monitor.submit('job-1');
  assert.deepEqual(await tick(), [], 'it is pending');
  await clock.turn(MINUTE_MS);
  assert.deepEqual(await tick(), ['alerts/active/alert-001.json']);
  const shown = JSON.parse(await textAt(store, 'alerts/active/alert-001.json'));
  assert.deepEqual(
    [shown.status, shown.created_at, shown.fired_at, 'suppressed' in shown],
    ['firing', '2025-07-07T19:30:00Z', '2025-07-07T19:31:00Z', false],
  );
  await monitor.register('worker-1');
  await monitor.claim('worker-1');
  assert.deepEqual(await tick(), ['alerts/resolved/2025/07/07/alert-001.json']);
  const { views } = await rebuiltFrom(store, clock);
  assert.deepEqual(
    views.get('alerts/resolved/2025/07/07/alert-001.json'),
    (await viewsIn(store)).get('alerts/resolved/2025/07/07/alert-001.json'),
  );
  assert.deepEqual([...views.keys()].filter((key) => key.startsWith('alerts/')).length, 1);
  await monitor.stop();
});
