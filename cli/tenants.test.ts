/** `tmon tenants`, and keys of tenants, against a monitor. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashOfKey } from '../server/access/secrets.ts';
import { runTmon } from '../test/processes/tmon.ts';
import { ADMIN_KEY, openMonitor } from '../test/servers/monitor.ts';

test('tenants are set, listed, paused and resumed; a setting that is not named stays', async (t) => {
  const monitor = await openMonitor(t, { admin_key_hash: hashOfKey(ADMIN_KEY) });
  const environment = { TMON_API_KEY: ADMIN_KEY };
  const tmon = (...args: string[]) => runTmon(t, [...args, '--server', monitor.url], { environment });
  await tmon('tenants', 'set', 'shop', '--weight', '2', '--jobs-per-day', '100');
  const set = await tmon('tenants', 'set', 'shop', '--max-running', '4', '--json');
  const { weight, jobs_per_day, max_running } = JSON.parse(set.stdout);
  assert.deepEqual([weight, jobs_per_day, max_running], [2, 100, 4]);
  const made = await tmon('keys', 'create', '--role', 'submit', '--tenant', 'shop', '--max-running', '2', '--json');
  const key = JSON.parse(made.stdout);
  assert.deepEqual([key.tenant, key.max_running, key.jobs_per_day], ['shop', 2, null]);
  await monitor.withKey(key.key).post('/jobs', { audio_url: 's3://audio/a.wav' });
  assert.match((await tmon('tenants')).stdout, /^shop\t2\t1\t0 of 4\t1 of 100\t0\t0\tactive$/m);
  assert.match((await tmon('tenants', 'pause', 'shop')).stdout, /^shop\t.*\tpaused 2/);
  assert.match((await tmon('tenants', 'resume', 'shop')).stdout, /\tactive$/m);
  const none_left = await tmon('tenants', 'set', 'shop', '--jobs-per-day', 'none');
  assert.equal(none_left.stderr, '');
  assert.match(none_left.stdout, /\t0 of 4\t1\t/);
  assert.match((await tmon('keys')).stdout, /\tsubmit\t\ttenant shop\t/);
  const none = await tmon('tenants', 'pause', 'nobody');
  assert.deepEqual([none.code === 0, /there is no tenant nobody/.test(none.stderr)], [false, true]);
});
