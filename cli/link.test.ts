/** `tmon link`, as docs/security.md has it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashOfKey } from '../server/access/secrets.ts';
import { runTmon } from '../test/processes/tmon.ts';
import { ADMIN_KEY, openMonitor } from '../test/servers/monitor.ts';
import { hold, TRANSCRIPT } from '../test/servers/steps.ts';

test('a link is printed for a transcript or an upload, works without a key, and is revoked by its id', async (t) => {
  const monitor = await openMonitor(t, { admin_key_hash: hashOfKey(ADMIN_KEY) });
  const admin = monitor.withKey(ADMIN_KEY);
  const environment = { TMON_SERVER: monitor.url, TMON_API_KEY: ADMIN_KEY };
  const tmon = (...args: string[]) => runTmon(t, args, { environment });
  const held = await hold(admin);
  await admin.put(`/jobs/${held.id}/transcript`, TRANSCRIPT, { 'lease-token': held.token });
  const opened = await tmon('link', held.id, '--format', 'text', '--expires', '7d');
  assert.equal(await (await fetch(opened.stdout.trim())).text(), 'hello\nworld\n');
  const [, id = ''] = /--revoke (\w+)/.exec(opened.stderr) ?? [];
  assert.equal((await tmon('link', '--revoke', id)).stdout, `${id}\trevoked\n`);
  assert.equal((await fetch(opened.stdout.trim())).status, 404);
  const upload = JSON.parse((await tmon('link', '--upload', '--bytes-max', '10', '--json')).stdout);
  assert.deepEqual([upload.kind, upload.bytes_max], ['upload', 10]);
  assert.equal((await fetch(upload.url, { method: 'POST', body: '12345' })).status, 201);
  assert.equal((await tmon('link')).code, 2);
});
