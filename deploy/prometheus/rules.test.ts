/** The rules: promtool accepts them, each alert has a test in which it fires, and they use metrics that exist. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { work } from '../../server/telemetry/testing-work.ts';
import { openMonitor } from '../../test/servers/monitor.ts';
import { metricsIn, promtool, withoutPrometheus } from '../../test/servers/prometheus.ts';

const directory = fileURLToPath(new URL('.', import.meta.url));
const read = (name: string) => parse(readFileSync(`${directory}/${name}`, 'utf8'));

type Rule = { alert?: string; record?: string; expr: string };
const rules = (read('rules.yaml').groups as { rules: Rule[] }[]).flatMap((group) => group.rules);

describe('the rules for Prometheus', () => {
  test('are accepted by promtool check rules', { skip: withoutPrometheus }, async () => {
    const { code, output } = await promtool(['check', 'rules', 'rules.yaml'], { directory });
    assert.equal(code, 0, output);
  });

  test('fire when they should and not before: promtool test rules', { skip: withoutPrometheus }, async () => {
    const { code, output } = await promtool(['test', 'rules', 'rules.test.yaml'], { directory });
    assert.equal(code, 0, output);
  });

  test('are all tested: each alert has a case in which it fires', () => {
    type Case = { alertname: string; exp_alerts?: unknown[] };
    const cases = (read('rules.test.yaml').tests as { alert_rule_test: Case[] }[]).flatMap(
      ({ alert_rule_test }) => alert_rule_test,
    );
    const firing = new Set(cases.filter(({ exp_alerts }) => exp_alerts?.length).map(({ alertname }) => alertname));
    assert.deepEqual(
      rules.flatMap(({ alert }) => (alert === undefined || firing.has(alert) ? [] : [alert])),
      [],
    );
  });

  test('use only metrics that the monitor has', async (t) => {
    const monitor = await openMonitor(t);
    await work(monitor);
    const { text } = await monitor.call('GET', '/metrics');
    const recorded = new Set(rules.map(({ record }) => record));
    for (const { alert, record, expr } of rules) {
      for (const name of metricsIn(expr)) {
        if (name === 'up' || recorded.has(name)) continue;
        assert.match(text, new RegExp(`^${name}[ {]`, 'm'), `${alert ?? record} uses ${name}`);
      }
    }
  });
});
