/** `tmon keys` against a monitor, and on a store that no monitor holds; such commands are in docs/security.md. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runTmon, startTestMonitor, startTmon } from '../test/processes/tmon.ts';
import { openMonitor } from '../test/servers/monitor.ts';

function newStore(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'tmon-keys-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return `dir:${directory}`;
}

test('keys are created, listed, rotated and revoked with the key of an admin from the environment', async (t) => {
  const monitor = await openMonitor(t);
  const environment: Record<string, string> = {};
  const tmon = (...args: string[]) => runTmon(t, [...args, '--server', monitor.url], { environment });
  const first = await tmon('keys', 'create', '--role', 'worker');
  assert.deepEqual([first.code, /first key has to be an admin's/.test(first.stderr)], [5, true]);
  const root = await tmon('keys', 'create', '--role', 'admin', '--name', 'root', '--json');
  const { key, id, role } = JSON.parse(root.stdout);
  assert.equal(role, 'admin');
  const refused = await tmon('jobs');
  assert.deepEqual([refused.code, /requires an API key/.test(refused.stderr)], [5, true]);
  environment.TMON_API_KEY = key;
  assert.equal((await tmon('jobs')).code, 0);
  await monitor.withKey(key).post('/session');
  const [session = '', ...columns] = (await tmon('sessions')).stdout.split('\n')[0]!.split('\t');
  assert.deepEqual(columns.slice(0, 3), ['root', 'admin', `key ${id}`]);
  assert.equal((await tmon('sessions', 'revoke', session)).stdout, 'root is signed out\n');
  const made = await tmon('keys', 'create', '--role', 'submit', '--tag', 'shop', '--tag', 'web');
  assert.match(made.stdout, /^tmk_\w+\n$/);
  const other = made.stdout.trim().split('_')[1]!;
  const listed = await tmon('keys');
  assert.match(listed.stdout, new RegExp(`^${id}\tadmin\troot\t–\t.*\tvalid$`, 'm'));
  assert.match(listed.stdout, new RegExp(`^${other}\tsubmit\t\tshop, web\t.*\t–\tvalid$`, 'm'));
  const rotated = await tmon('keys', 'rotate', other, '--overlap', '1h');
  assert.notEqual(rotated.stdout, made.stdout);
  assert.equal((await tmon('keys', 'revoke', other)).stdout, `${other} is revoked\n`);
  const ended = await tmon('jobs', '--api-key', rotated.stdout.trim());
  assert.deepEqual([ended.code, /was revoked/.test(ended.stderr)], [5, true]);
});

test('the first key is made on the store itself, and a lost one is replaced there', async (t) => {
  const store = newStore(t);
  const tmon = (...args: string[]) => runTmon(t, [...args, '--store', store]);
  const created = await tmon('keys', 'create', '--role', 'admin', '--json');
  const { key, created_by } = JSON.parse(created.stdout);
  assert.equal(created_by, 'tmon keys');
  const lost = await tmon('keys', 'create', '--role', 'admin');
  const monitor = await startTestMonitor(t, { store });
  for (const one of [key, lost.stdout.trim()]) {
    const headers = { authorization: `Bearer ${one}` };
    assert.equal((await fetch(`${monitor.url}/api/v1/keys`, { headers })).status, 200);
  }
  assert.equal((await fetch(`${monitor.url}/api/v1/keys`)).status, 401);
  const busy = await tmon('keys', 'list');
  assert.deepEqual([busy.code, /in use by process/.test(busy.stderr)], [5, true]);
  await monitor.stop();
  const id = key.split('_')[1];
  assert.equal((await tmon('keys', 'revoke', id)).code, 0);
  assert.match((await tmon('keys')).stdout, new RegExp(`^${id}\tadmin\t.*revoked`, 'm'));
});

test('a generated admin key counts on a monitor that has its hash', async (t) => {
  const generated = await runTmon(t, ['keys', 'generate', '--json']);
  const { key, hash } = JSON.parse(generated.stdout);
  const monitor = await openMonitor(t, { admin_key_hash: hash });
  const made = await runTmon(t, ['keys', 'create', '--role', 'worker', '--server', monitor.url, '--api-key', key]);
  assert.match(made.stdout, /^tmk_/);
});

test('a key that was printed counts after the process that made it was killed', async (t) => {
  const store = newStore(t);
  const printed: string[] = [];
  for (let round = 0; round < 3; round++) {
    const child = startTmon(t, ['keys', 'create', '--role', 'admin', '--store', store]);
    const [key] = await child.line(/^tmk_\w+$/);
    child.kill('SIGKILL');
    await child.ended;
    printed.push(key);
  }
  const monitor = await startTestMonitor(t, { store });
  for (const key of printed) {
    const headers = { 'x-api-key': key };
    assert.equal((await fetch(`${monitor.url}/api/v1/keys`, { headers })).status, 200);
  }
});
