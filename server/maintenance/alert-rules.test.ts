/** The file of alert rules: read at the start, again when it changes, and never in part. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Alert } from '../../protocol/alert.ts';
import { JumpingClock } from '../../test/servers/jumping-clock.ts';
import { openMonitor } from '../../test/servers/monitor.ts';
import { submit } from '../../test/servers/steps.ts';
import { defaultRules } from '../alerts/rules/defaults.ts';
import { TurnedClock } from '../testing-clock.ts';
import { openAlertRules } from './alert-rules.ts';

type Ending = { after(run: () => void): void };

function fileIn(t: Ending) {
  const directory = mkdtempSync(join(tmpdir(), 'rules-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'alerts.yaml');
  let written = 0;
  return {
    path,
    /** With another time of change, however soon after the last. */
    write(text: string) {
      writeFileSync(path, text);
      written += 1;
      utimesSync(path, written, written);
    },
  };
}

const RULE = (threshold: string) => `rules: [{name: waits, signal: queue_depth, above: ${threshold}}]\n`;
const TYPO = 'rules: [{name: waits, signal: queue_depth, abov: 0}]\n';

async function open(t: Ending, text: string) {
  const file = fileIn(t);
  file.write(text);
  const logged: string[] = [];
  const clock = new TurnedClock('2026-01-05T08:00:00Z');
  const log = (level: string, message: string) => void logged.push(`${level}: ${message}`);
  const reader = await openAlertRules({ path: file.path, clock, log });
  const threshold = () => {
    const condition = reader.value.rules.find(({ name }) => name === 'waits')?.condition;
    return condition && 'threshold' in condition ? condition.threshold : undefined;
  };
  return { file, logged, reader, threshold };
}

test('without a file there are the default rules, and no problem is known', async () => {
  const clock = new TurnedClock('2026-01-05T08:00:00Z');
  const reader = await openAlertRules({ path: '', clock, log: () => {} });
  await reader.reload({ always: true });
  assert.deepEqual([reader.value, reader.problem], [defaultRules(), undefined]);
});

test('a monitor does not start with a file that has a mistake or cannot be read', async (t) => {
  await assert.rejects(open(t, TYPO), {
    code: 'bad_alert_rules',
    message: /alerts\.yaml:1:44: unknown field "abov"; did/,
  });
  const clock = new TurnedClock('2026-01-05T08:00:00Z');
  await assert.rejects(openAlertRules({ path: '/nowhere/x.yaml', clock, log: () => {} }), {
    code: 'bad_alert_rules',
    message: /it cannot be read/,
  });
});

test('a change is applied; with a mistake the earlier rules stay until it is fixed', async (t) => {
  const { file, logged, reader, threshold } = await open(t, RULE('5'));
  const applied: number[] = [];
  reader.onChange(({ rules }) => applied.push(rules.length));
  await reader.reload();
  assert.deepEqual([threshold(), applied.length], [5, 0], 'nothing has changed');
  file.write(RULE('6'));
  await reader.reload();
  assert.deepEqual([threshold(), applied.length, reader.problem], [6, 1, null]);
  file.write(TYPO);
  await reader.reload();
  await reader.reload();
  assert.deepEqual([threshold(), applied.length], [6, 1]);
  assert.match(reader.problem ?? '', /alerts\.yaml:1:44: unknown field "abov"/);
  assert.equal(logged.filter((line) => line.startsWith('warn: the earlier alert rules stay: ')).length, 1, 'said once');
  rmSync(file.path);
  await reader.reload();
  assert.match(reader.problem ?? '', /cannot be read/);
  file.write(RULE('7'));
  await reader.reload();
  assert.deepEqual([threshold(), reader.problem], [7, null]);
});

test('[A54] a running monitor applies a changed file, and config_invalid fires while it has a mistake', async (t) => {
  const file = fileIn(t);
  file.write(RULE('5'));
  const clock = new JumpingClock();
  const monitor = await openMonitor(t, { clock, alert_rules: file.path });
  const firing = async (rule: string, fires: boolean) => {
    clock.jump(5_000);
    return monitor.until('/system/alerts', ({ items }) => items.some((one: Alert) => one.rule === rule) === fires);
  };
  await submit(monitor);
  file.write(TYPO);
  const { items } = await firing('config_invalid', true);
  const invalid = items.find((one: Alert) => one.rule === 'config_invalid') as Alert;
  assert.match(invalid.description ?? '', /alerts\.yaml:1:44: unknown field "abov"; did you mean "above"\?/);
  assert.match((await monitor.get('/system/alert-rules')).body.problem, /abov/);
  file.write(RULE('0'));
  await firing('waits', true);
  await firing('config_invalid', false);
});
