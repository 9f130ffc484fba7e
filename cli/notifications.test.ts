/** `tmon notifications` and `tmon submit --webhook-url` against a monitor and a receiver. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runTmon } from '../test/processes/tmon.ts';
import { openMonitor } from '../test/servers/monitor.ts';
import { webhookReceiver } from '../test/servers/webhook-receiver.ts';

test('a submission with a webhook is listed when its job has ended, and can be replayed', async (t) => {
  const receiver = await webhookReceiver(t);
  const monitor = await openMonitor(t, { allow_private_webhooks: 'true', notify: `${receiver.url}/alerts` });
  const tmon = (...args: string[]) => runTmon(t, [...args, '--server', monitor.url]);
  const hook = ['--webhook-url', `${receiver.url}/hook`, '--webhook-event', 'cancelled'];
  const { stdout } = await tmon('submit', 's3://audio/a.mp3', ...hook);
  const [job_id = ''] = stdout.split('\t');
  await tmon('cancel', job_id);
  await receiver.until(() => receiver.accepted.size === 1);
  const [id = ''] = [...receiver.accepted.keys()];
  await monitor.until(`/system/notifications/${id}`, ({ state }) => state === 'delivered');

  const listed = await tmon('notifications', '--job', job_id);
  assert.match(
    listed.stdout,
    new RegExp(`^${id}\tjob\\.cancelled\tdelivered\t1\t[^\t]+\t${receiver.url}/…hook\t–$`, 'm'),
  );
  assert.equal((await tmon('notifications', '--state', 'failed')).stdout, '');
  assert.equal((await tmon('notifications', '--replay', id)).code, 0);
  await receiver.until(() => receiver.received.length === 2);

  const tested = await tmon('notifications', '--test', `${receiver.url}/…erts`, '--json');
  assert.deepEqual([tested.code, JSON.parse(tested.stdout).state], [0, 'delivered']);
  receiver.respond = () => 500;
  const failed = await tmon('notifications', '--test', `${receiver.url}/hook`);
  assert.equal(failed.code, 1);
  assert.match(failed.stdout, /was not notified: HTTP 500/);
  const both = await tmon('notifications', '--test', 'x', '--replay', 'y');
  assert.deepEqual([both.code, /exclude each other/.test(both.stderr)], [2, true]);
});
