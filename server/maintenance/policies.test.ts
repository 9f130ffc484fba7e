/** The file of policies: read at the start, again when it changes, and never in part. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Alert } from '../../protocol/alert.ts';
import { openMonitor } from '../../test/servers/monitor.ts';
import { TurnedClock } from '../testing-clock.ts';
import { openPolicies } from './policies.ts';

type Ending = { after(run: () => void): void };

function fileIn(t: Ending) {
  const directory = mkdtempSync(join(tmpdir(), 'policies-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'policies.yaml');
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

const WITH = (after: string) => `policies: [{name: hung_job, after: ${after}}]\n`;
const TYPO = 'policies: [{name: hung_job, afer: 1m}]\n';

test('a monitor does not start with a file of policies that has a mistake', async (t) => {
  const file = fileIn(t);
  file.write(TYPO);
  await assert.rejects(openMonitor(t as never, { policies: file.path }), {
    code: 'bad_policies',
    message: /policies\.yaml:1:29: unknown field "afer"; did you mean "after"\?/,
    hint: /tmon policies check/,
  });
});

test('a change of the file applies; with a mistake the earlier policies stay, and the problem is known', async (t) => {
  const file = fileIn(t);
  file.write(WITH('1m'));
  const clock = new TurnedClock('2026-01-05T08:00:00Z');
  const reader = await openPolicies({ path: file.path, clock, log: () => {} });
  const after = () => reader.value.policies.find(({ name }) => name === 'hung_job')!.after_ms;
  file.write(WITH('2m'));
  await reader.reload();
  assert.deepEqual([after(), reader.problem], [120_000, null]);
  file.write(TYPO);
  await reader.reload();
  assert.equal(after(), 120_000);
  assert.match(reader.problem!, /policies\.yaml:1:29: /);
});

test('a running monitor raises config_invalid while its policies have a mistake', async (t) => {
  const file = fileIn(t);
  file.write(WITH('1m'));
  const monitor = await openMonitor(t as never, { policies: file.path });
  file.write(TYPO);
  const { items } = await monitor.until<{ items: Alert[] }>('/system/alerts', ({ items }) => items.length > 0);
  assert.equal(items[0]!.rule, 'config_invalid');
  assert.match(items[0]!.description!, /policies\.yaml:1:29: unknown field "afer"/);
  file.write(WITH('3m'));
  await monitor.until<{ items: Alert[] }>('/system/alerts', ({ items }) => items.length === 0);
});
